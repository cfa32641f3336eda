/** Entries of a page that is asked for, the most that services give. */
const pageSize = 1000;

/**
 * Yields the pages of a list to its end. A page may be shorter than was asked for: it fits one message.
 *
 * @param read gets the page of a token, the first with an empty one
 */
export async function* eachPage<Page extends { readonly nextPageToken: string }>(
  read: (request: { readonly pageSize: number; readonly pageToken: string }) => Promise<Page>,
): AsyncGenerator<Page, void, undefined> {
  let pageToken = '';
  do {
    const page = await read({ pageSize, pageToken });
    yield page;
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
}
