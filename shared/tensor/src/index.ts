export { compileAddon, type AddonSources } from './engine/compile-addon.js';
export { tensorflowWheel, type EngineFlavour } from './engine/tensorflow-wheel.js';
export { Executor, type CallOptions, type ProgramClient } from './executor/executor.js';
export type { EngineDescription } from './executor/messages.js';
export { Moved, type MethodContext, type Program } from './executor/program.js';
export { Random } from './random.js';
export {
  liveTensors,
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
export { cosineSchedule } from './schedule.js';
