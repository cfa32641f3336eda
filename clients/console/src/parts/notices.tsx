import type { ComponentChildren, JSX } from 'preact';
import type { ShownError } from '../api/error-text.js';

/** Shows an error with its code, and a link to fix it. */
export function ErrorNotice({ error }: { readonly error: ShownError | undefined }): JSX.Element | null {
  if (error === undefined) return null;
  return (
    <p class="notice error" role="alert">
      {error.message} <code>{error.code}</code>
      {error.needsToken && <> Enter a token under “Sign in”.</>}
    </p>
  );
}

/** Shows that data is loading. */
export function Busy({ children }: { readonly children: ComponentChildren }): JSX.Element {
  return (
    <p class="busy" role="status">
      {children}
    </p>
  );
}

/** Bar of a share that is done. */
export function ProgressBar({
  label,
  done,
  total,
}: {
  readonly label: string;
  readonly done: number;
  readonly total: number;
}): JSX.Element {
  return (
    <label class="progress">
      <span>
        {label} {total > 0 ? `${done} of ${total}` : ''}
      </span>
      <progress value={total > 0 ? done : undefined} max={total > 0 ? total : undefined} />
    </label>
  );
}
