import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { currentToken, setToken } from './api/token.js';
import { Input } from './parts/field.js';

/** Field for a token, which this tab keeps until it is closed. */
export function SignIn({ onChange }: { readonly onChange: () => void }): JSX.Element {
  const [text, setText] = useState('');
  const [isOpen, setOpen] = useState(false);
  const isSignedIn = currentToken() !== '';
  const use = (token: string): void => {
    setToken(token);
    setText('');
    setOpen(false);
    onChange();
  };
  if (isSignedIn) {
    return (
      <button type="button" onClick={() => use('')}>
        Sign out
      </button>
    );
  }
  return (
    <div class="sign-in">
      <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        Sign in
      </button>
      {isOpen && (
        <form
          class="popup"
          onSubmit={(event) => {
            event.preventDefault();
            use(text.trim());
          }}
        >
          <Input
            label="Token"
            type="password"
            value={text}
            onChange={setText}
            hint="Only needed if the operator requires a token. The tab deletes it when you close it."
          />
          <button class="primary">Use token</button>
        </form>
      )}
    </div>
  );
}
