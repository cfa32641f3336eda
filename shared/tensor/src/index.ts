export { accelerator, processorReason, type Accelerator } from './engine/accelerator.js';
export { builtEngine } from './engine/built-engine.js';
export { compileAddon, type AddonSources } from './engine/compile-addon.js';
export { loadErrors } from './engine/loadable.js';
export { setUpChosenEngine } from './engine/ready-engine.js';
export { nvidiaWheels } from './engine/nvidia-libraries.js';
export { tensorflowWheel, type EngineFlavour } from './engine/tensorflow-wheel.js';
export { Executor, type CallOptions, type ProgramClient } from './executor/executor.js';
export type { EngineDescription } from './executor/messages.js';
export { Moved, type MethodContext, type Program } from './executor/program.js';
export { finish, finishLettingUrgentPass, type Steps } from './executor/steps.js';
export {
  loadTensorFlow,
  tensorflow,
  usesGpu,
  type Scalar,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
  type TensorContainer,
  type TensorFlow,
  type Variable,
} from './tensorflow.js';
export { AdamW, type AdamWOptions } from './adamw.js';
export { makeVariable, restoreState, takeState } from './optimizer-state.js';
export type { TrainingCheckpoint } from './training-checkpoint.js';
export { cosineSchedule } from './schedule.js';
export {
  borrow,
  deviceScope,
  deviceTensor,
  handOver,
  keepOnDevice,
  liveTensors,
  readDevice,
  release,
  type DeviceTensor,
  type ElementType,
} from './device/device-tensor.js';
export {
  chooseKernels,
  isPacked,
  type FloatPrecision,
  type Kernels,
  type KernelSpeeds,
  type NumberFormat,
  type PackedPrecision,
  type Precision,
} from './device/kernels.js';
export {
  hasBf16Dot,
  packBf16,
  packedBlock,
  packInt8,
  type PackedBlockShape,
  type PackedLayers,
} from './device/packed-block.js';
export { prefersPackedBfloat16, processorFlags } from './device/processor-flags.js';
export { linear, useFusedLayers, type DeviceLinear } from './device/linear.js';
export { causalConvolution } from './device/causal-convolution.js';
export { dropout, dropoutFactors } from './device/dropout.js';
export { seededNormals, type ValuesSeed } from './device/seeded-values.js';
export { groupNorm, type GroupNormShape } from './device/group-norm.js';
export { selectiveScan, type ScanInputs } from './device/selective-scan.js';
export { sampledAttention, sampledAttentionGradient } from './device/sampled-attention.js';
export {
  add,
  batchMatMul,
  cast,
  columnSums,
  identity,
  matMul,
  multiply,
  reshape,
  transpose,
} from './device/operations.js';
export {
  addBranch,
  gelu,
  geluGradient,
  softmax,
  softmaxGradient,
  standardise,
  standardiseGradient,
  useRowKernels,
} from './device/row-operations.js';
