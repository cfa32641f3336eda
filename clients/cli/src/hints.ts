import type { ErrorCode, ErrorDetails, HyperswapError } from '@hyperswap/errors';

type Hints = { readonly [Code in ErrorCode]?: string | ((details: ErrorDetails<Code>) => string) };

/** Commands, flags and variables that fix an error, if the sentence of the error does not name them. */
const hints: Hints = {
  AXES_AMBIGUOUS: 'Choose with --bands-first or --bands-last.',
  VARIABLE_MISSING: 'Choose the variable with --variable.',
  SCENE_NOT_FOUND: '"hyperswap scenes list" prints the scenes.',
  SCENE_EXISTS: ({ scene }) =>
    `"hyperswap scenes delete ${scene}" deletes it, and "hyperswap scenes prepare --replace" replaces it.`,
  ADAPTER_NOT_FOUND: '"hyperswap adapters list" prints the adapters.',
  ADAPTER_RETIRED: ({ adapter }) => `"hyperswap adapters retire ${adapter} --undo" brings it back.`,
  ADAPTER_BACKBONE: 'Start the services with --backbone and the name of that backbone.',
  ADAPTER_WAVELENGTHS: '"hyperswap classify --scene FILE --resample" resamples a file to the bands of the adapter.',
  BACKBONE_NOT_FOUND: '"hyperswap backbones import" adds a backbone.',
  TRAINING_DIVERGED: ({ learningRate }) => `Lower it with --set learningRate=${learningRate / 10}.`,
  SIGNATURE_INVALID: 'The services trust the keys in HYPERSWAP_TRUSTED_KEYS; "hyperswap keys create" makes a key.',
  TOKEN_MISSING: 'Name the file of the token with --token-file or HYPERSWAP_TOKEN_FILE.',
  TOKEN_INVALID: '"hyperswap keys token" makes tokens with the private key.',
  CONFIG_INSECURE: 'If you trust everybody in the network, add --insecure or set HYPERSWAP_INSECURE=true.',
  STORE_FULL: 'HYPERSWAP_HOME or S3_BUCKET selects another store.',
  STORE_REFUSED: 'The access key is in S3_ACCESS_KEY and S3_SECRET_KEY.',
  BUS_UNREACHABLE: 'The address is in NATS_URL.',
  JOBS_FULL: 'HYPERSWAP_JOB_LIMIT sets the limit of the services.',
  JOB_INTERRUPTED: '"hyperswap up" keeps running and runs jobs that outlive a command.',
  HOME_IN_USE: 'Choose another home folder with --home or HYPERSWAP_HOME.',
  HOME_UNUSABLE: 'Choose another home folder with --home or HYPERSWAP_HOME.',
  PORT_IN_USE: 'Choose another port with --port.',
  SERVICE_UNREACHABLE: 'Start the services with "hyperswap up", or leave --endpoint out.',
  ENGINE_MISSING:
    'Delete the folder ~/.cache/hyperswap/engine (or HYPERSWAP_ENGINE_CACHE): the next command sets the engine up again.',
};

/** Returns how to fix an error on the command line; undefined if its sentence says everything. */
export function hintFor({ code, details }: HyperswapError): string | undefined {
  const hint = hints[code] as string | ((given: typeof details) => string) | undefined;
  return typeof hint === 'function' ? hint(details) : hint;
}
