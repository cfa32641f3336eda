/**
 * Reads a list to its end. A page may be shorter than was asked for: it fits one message.
 *
 * @param read gets the page of a token, the first with an empty one
 */
export async function allPages<Page extends { readonly nextPageToken: string }>(
  read: (request: { readonly pageSize: number; readonly pageToken: string }) => Promise<Page>,
): Promise<Page[]> {
  const pages: Page[] = [];
  for (let pageToken = ''; ;) {
    const page = await read({ pageSize: 1000, pageToken });
    pages.push(page);
    if (page.nextPageToken === '') return pages;
    pageToken = page.nextPageToken;
  }
}
