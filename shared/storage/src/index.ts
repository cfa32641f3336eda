export { DirectoryObjectStore } from './directory-object-store.js';
export type { ObjectStore, PutOptions, StoredObject } from './object-store.js';
