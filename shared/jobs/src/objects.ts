/** Beginning of the keys of all objects of a job. */
export function jobObjects(kind: string, id: string): string {
  return `jobs/${kind}/${id}/`;
}

/** Key of a job's result. */
export function resultKey(kind: string, id: string): string {
  return `${jobObjects(kind, id)}result`;
}
