const idPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether a text is the id of a job, a UUID in lower-case letters: only those reach a bucket or a key. */
export function isJobId(text: string): boolean {
  return idPattern.test(text);
}
