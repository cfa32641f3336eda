/** A file to send: a path, or content made here. */
export interface UploadFile {
  readonly name: string;
  readonly content: string | Uint8Array | RemotePlace;
}

/** Place that the service reads itself: `store:KEY` or a URL. */
export interface RemotePlace {
  readonly place: string;
}
