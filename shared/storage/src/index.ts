export { DirectoryObjectStore } from './directory-object-store.js';
export type { ObjectFacts, ObjectStore, PutOptions, StoredObject } from './object-store.js';
export { S3ObjectStore, type S3Settings } from './s3/s3-object-store.js';
