/** Text for a result whose training has seen the spectra of the test pixels. */
export const transductive =
  'saw the spectra of the test pixels while it trained, though not their labels (transductive)';

/** Mark of such a method in tables. */
export const transductiveMark = '†';
