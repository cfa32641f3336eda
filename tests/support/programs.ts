import { serverProgram, type ServerProgram } from '@hyperswap/deploy';

/**
 * Builds missing programs.
 *
 * @returns the reason to skip tests; undefined if all programs are present
 * @throws DOWNLOAD_FAILED in CI, where no test may be skipped
 */
export async function missingPrograms(...programs: readonly ServerProgram[]): Promise<string | undefined> {
  try {
    await Promise.all(programs.map((program) => serverProgram(program)));
    return undefined;
  } catch (error) {
    if (process.env.CI !== undefined) throw error;
    return (error as Error).message;
  }
}
