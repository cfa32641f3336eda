import { poolings } from '@hyperswap/spectralgpt';
import { z } from 'zod';

/** Raised when a reader of the old format would misread the new one. */
export const formatVersion = 1;

const count = z.number().int().positive();
const digest = z.string().regex(/^[0-9a-f]{64}$/, 'must be a sha-256 in hexadecimal');

export const landCoverClassSchema = z
  .object({
    name: z.string().min(1).max(100),
    /** 0xRRGGBB. */
    color: z.number().int().min(0).max(0xffffff),
  })
  .strict();

export const metricsSchema = z
  .object({
    overallAccuracy: z.number(),
    averageAccuracy: z.number(),
    kappa: z.number(),
    perClass: z.array(
      z
        .object({
          name: z.string(),
          recall: z.number(),
          precision: z.number(),
          f1: z.number(),
          pixels: z.number().int().nonnegative(),
        })
        .strict(),
    ),
    /** Rows are the true classes, columns the predicted ones. */
    confusion: z.array(z.number().int().nonnegative()),
  })
  .strict();

/** What an adapter says of itself beside its tensors. Nothing that serving needs is inferred from tensors' shapes. */
export const adapterMetadataSchema = z
  .object({
    formatVersion: z.literal(formatVersion),
    backbone: z.object({ name: z.string().min(1).max(100), digest }).strict(),
    method: z.string().min(1).max(64),
    /** The method's settings, all of them: shapes, ranks, scale. */
    settings: z.record(z.string().max(64), z.number()),
    /** What the head sees of the tokens. */
    pooling: z.enum(poolings).default('mean'),
    /** Ways that each patch is laid to be classified, whose logits are averaged: 1, or the eight quarter turns and mirror images. */
    views: z.union([z.literal(1), z.literal(8)]).default(1),
    patchSize: count.max(255).refine((size) => size % 2 === 1, 'must be odd'),
    bands: count.max(65_535),
    /** Names the PCA in the blob. */
    pcaDigest: digest,
    /** Band centres in nanometres, when the scene's file told them. */
    wavelengths: z.array(z.number()).optional(),
    classes: z.array(landCoverClassSchema).min(2).max(255),
    training: z
      .object({
        scene: z.string(),
        split: z.string(),
        trainPixels: count,
        testPixels: z.number().int().nonnegative(),
        epochs: count,
        batchSize: count,
        learningRate: z.number(),
        seed: z.number().int(),
        lossByEpoch: z.array(z.number()),
      })
      .strict(),
    metrics: metricsSchema.optional(),
  })
  .strict();

export type LandCoverClass = z.infer<typeof landCoverClassSchema>;
export type Metrics = z.infer<typeof metricsSchema>;
export type AdapterMetadata = Readonly<z.infer<typeof adapterMetadataSchema>>;
