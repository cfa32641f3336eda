import { eachPage } from '@hyperswap/rpc';

/** Reads a list to its end. @param read gets a page, as `eachPage` has it */
export async function allPages<Page extends { readonly nextPageToken: string }>(
  read: Parameters<typeof eachPage<Page>>[0],
): Promise<Page[]> {
  const pages: Page[] = [];
  for await (const page of eachPage(read)) pages.push(page);
  return pages;
}
