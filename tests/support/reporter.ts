/** Prints each test as it ends and closes with `N passed, N failed, N skipped` on a line of its own. */
interface TestEvent {
  readonly type: string;
  readonly data: {
    readonly name?: string;
    readonly file?: string;
    readonly nesting?: number;
    readonly skip?: boolean | string;
    readonly message?: string;
    readonly details?: {
      readonly error?: Error & { cause?: unknown };
      readonly type?: string;
      readonly duration_ms?: number;
    };
  };
}

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  const failures: string[] = [];
  for await (const { type, data } of events) {
    if (type === 'test:stderr' || type === 'test:stdout') {
      if (process.env.TEST_OUTPUT !== undefined) yield data.message ?? '';
      continue;
    }
    // Diagnostics of a test; the runner's own summary has no nesting.
    if (type === 'test:diagnostic' && (data.nesting ?? 0) > 0) yield `     ${data.message ?? ''}\n`;
    const isSkipped = data.skip !== undefined && data.skip !== false;
    if ((type !== 'test:pass' && type !== 'test:fail') || (data.details?.type === 'suite' && !isSkipped)) continue;
    const name = `${'  '.repeat(data.nesting ?? 0)}${data.name ?? ''}`;
    const seconds = ((data.details?.duration_ms ?? 0) / 1000).toFixed(2);
    if (isSkipped) {
      skipped += 1;
      yield `skip ${name}: ${String(data.skip)}\n`;
    } else if (type === 'test:pass') {
      passed += 1;
      yield `pass ${name} (${seconds} s)\n`;
    } else {
      failed += 1;
      const error = data.details?.error;
      const { cause } = error ?? {};
      const reason = cause instanceof Error ? (cause.stack ?? cause.message) : (error?.message ?? 'no reason given');
      failures.push(`FAIL ${data.file ?? ''}: ${name}\n${reason}\n`);
      yield `FAIL ${name} (${seconds} s)\n`;
    }
  }
  for (const failure of failures) yield `\n${failure}`;
  yield `\n${passed} passed, ${failed} failed, ${skipped} skipped\n`;
}
