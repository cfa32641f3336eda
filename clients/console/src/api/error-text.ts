import { Code, ConnectError } from '@connectrpc/connect';
import { ErrorInfoSchema } from '../../generated/google/rpc/error_details_pb.js';

/** Error as a page shows it. */
export interface ShownError {
  /** Code of the error catalogue, or gRPC's. */
  readonly code: string;
  readonly message: string;
  /** True if a token, or another token, can fix the error. */
  readonly needsToken: boolean;
}

/** Returns any thrown value in words. */
export function shownError(thrown: unknown): ShownError {
  const error = ConnectError.from(thrown);
  const [info] = error.findDetails(ErrorInfoSchema);
  const message =
    error.code === Code.Unavailable && info === undefined
      ? `The services do not answer: ${error.rawMessage}.`
      : error.rawMessage;
  const needsToken = error.code === Code.Unauthenticated || error.code === Code.PermissionDenied;
  return { code: info?.reason ?? Code[error.code], message, needsToken };
}

/** Returns true if a value was thrown because this page ended a call. */
export function isCancelled(thrown: unknown): boolean {
  return ConnectError.from(thrown).code === Code.Canceled;
}
