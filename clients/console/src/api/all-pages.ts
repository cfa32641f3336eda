interface Page {
  readonly nextPageToken: string;
}

/** Entries that the console lists at most. */
const mostEntries = 2000;

/** Reads the pages of a list, up to 2,000 entries. */
export async function allPages<Entry, Response extends Page>(
  read: (pageToken: string) => Promise<Response>,
  entriesOf: (page: Response) => readonly Entry[],
): Promise<Entry[]> {
  const all: Entry[] = [];
  let token = '';
  do {
    const page = await read(token);
    all.push(...entriesOf(page));
    token = page.nextPageToken;
  } while (token !== '' && all.length < mostEntries);
  return all;
}
