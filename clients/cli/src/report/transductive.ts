/** Text for a result whose training has seen the spectra of the test pixels. */
export const transductive =
  'saw the spectra of the test pixels while it trained, though not their labels (transductive)';

/** Mark of such a method in tables. */
export const transductiveMark = '†';

/** Mark of a method whose results come with a sentence. */
export const noteMark = '‡';

/** Returns a method's label with its marks. */
export function marked({
  label,
  sawTestSpectra,
  notes,
}: {
  readonly label: string;
  readonly sawTestSpectra: boolean;
  readonly notes: readonly string[];
}): string {
  return [label, ...(sawTestSpectra ? [transductiveMark] : []), ...(notes.length > 0 ? [noteMark] : [])].join(' ');
}
