import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { validateId, validateName, validateObjectPrefix } from '@hyperswap/errors';
import { hasCode } from '../support/errors.js';
import { hostileKeys } from '../support/hostile-strings.js';

test('no name leaves its folder, is another name on another file system, or is a wildcard', () => {
  for (const [kind, name] of Object.entries({ ...hostileKeys, 'two parts': 'a/b', '65 letters': 'a'.repeat(65) })) {
    assert.throws(() => validateName('Scene name', name), hasCode('NAME_INVALID', /^Scene name /), kind);
  }
  for (const name of ['a', '7', 'indian-pines_2.v1', 'console', 'com10', 'constructor', 'a'.repeat(64)]) {
    assert.equal(validateName('Scene name', name), name);
  }
});

test('an id is one that randomUUID makes, and nothing else', () => {
  const id = randomUUID();
  assert.equal(validateId('job', id), id);
  const others = {
    ...hostileKeys,
    capitals: id.toUpperCase(),
    longer: `${id}0`,
    line: `${id}\n`,
    path: `../trainings/${id}`,
  };
  for (const [kind, other] of Object.entries(others)) {
    assert.throws(() => validateId('job', other), hasCode('NAME_INVALID', /^job .*id that the service gave/s), kind);
  }
});

test('a prefix is empty, or a key with or without a slash at its end', () => {
  for (const prefix of ['', 'scenes/', 'jobs/1', 'a/b/']) assert.equal(validateObjectPrefix(prefix), prefix);
  for (const prefix of ['/', 'a//', '../', './', '*/']) {
    assert.throws(() => validateObjectPrefix(prefix), hasCode('NAME_INVALID'), prefix);
  }
});

test('the sentence about a name tells all that is allowed, and repeats little of the name', () => {
  for (const name of ['', 'x'.repeat(2_000_000)]) {
    const whole = /^.{0,600}leave out "\.\."\.$/s;
    assert.throws(() => validateName('Scene name', name), hasCode('NAME_INVALID', whole));
    assert.throws(() => validateObjectPrefix(`${name}//`), hasCode('NAME_INVALID', whole));
  }
});
