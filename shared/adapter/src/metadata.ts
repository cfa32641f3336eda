import { maximumClasses, type LandCoverClass, type Metrics } from '@hyperswap/map';
import { maximumPatchSize } from '@hyperswap/scene';
import { poolings } from '@hyperswap/spectralgpt';
import { z } from 'zod';

/** Raised when a reader of the old format would misread the new one. */
export const formatVersion = 1;
/** Version of adapters whose features are diffused: earlier readers, which would not diffuse them, refuse it. */
export const diffusedFormatVersion = 2;
/** Largest reach of diffusion, in pixels. */
export const maximumDiffusionReach = 100;
/** Points of a loss curve that are written; longer curves are thinned out. */
export const writtenCurvePoints = 200;

/** Points of a loss curve that are read: earlier releases wrote one for each epoch. */
const maximumCurvePoints = 10_000;
/** Queries and values of 256 blocks. */
const maximumTargets = 512;
const maximumSettings = 32;
const settingMagnitude = 1e9;

/** Bins of accuracies by distance or confidence. */
const maximumBins = 64;

const count = z.number().int().positive();
const pixels = z.number().int().nonnegative();
const share = z.number().min(0).max(1);
const shortText = z.string().max(200);
const digest = z.string().regex(/^[0-9a-f]{64}$/, 'must be a sha-256 in hexadecimal');

const landCoverClassSchema: z.ZodType<LandCoverClass> = z
  .object({
    name: z.string().min(1).max(100),
    color: z.number().int().min(0).max(0xffffff),
    code: z.number().int().optional(),
  })
  .strict();

const metricsSchema: z.ZodType<Metrics> = z
  .object({
    overallAccuracy: z.number(),
    averageAccuracy: z.number(),
    kappa: z.number(),
    perClass: z
      .array(
        z
          .object({
            name: z.string().max(100),
            recall: z.number(),
            precision: z.number(),
            f1: z.number(),
            pixels: z.number().int().nonnegative(),
          })
          .strict(),
      )
      .max(maximumClasses),
    confusion: z.array(z.number().int().nonnegative()).max(maximumClasses ** 2),
    // Earlier releases did not measure these.
    patchOverlap: share.optional(),
    byDistance: z
      .array(z.object({ from: pixels, to: pixels, pixels, correct: pixels }).strict())
      .max(maximumBins)
      .optional(),
    distanceHistogram: z.array(pixels).max(maximumBins).optional(),
    reliability: z
      .array(z.object({ confidence: share, pixels, correct: pixels }).strict())
      .max(maximumBins)
      .optional(),
    calibrationError: share.optional(),
  })
  .strict()
  .refine(({ perClass, confusion }) => confusion.length === perClass.length ** 2, {
    message: 'must be a square of as many rows as there are classes',
    path: ['confusion'],
  });

/**
 * Metadata of an adapter beside its tensors. Serving infers nothing from the shapes of tensors, and every list has a
 * bounded length.
 */
export const adapterMetadataSchema = z
  .object({
    formatVersion: z.union([z.literal(formatVersion), z.literal(diffusedFormatVersion)]),
    backbone: z.object({ name: z.string().min(1).max(100), digest }).strict(),
    method: z.string().min(1).max(64),
    /** The method's settings, all of them: shapes, ranks, scale. */
    settings: z
      .record(z.string().max(64), z.number().min(-settingMagnitude).max(settingMagnitude))
      .refine((settings) => Object.keys(settings).length <= maximumSettings, `must be at most ${maximumSettings}`),
    /**
     * Projections that the method changes, for example `blocks.0.attn.q`; absent: queries and values of every block.
     */
    targets: z
      .array(z.string().regex(/^blocks\.(0|[1-9]\d{0,3})\.attn\.[qv]$/, 'must be attn.q or attn.v of a block'))
      .min(1)
      .max(maximumTargets)
      .refine((targets) => new Set(targets).size === targets.length, 'must not name a projection twice')
      .optional(),
    /** Pooling of the tokens for the head. */
    pooling: z.enum(poolings).default('mean'),
    /**
     * Number of orientations of each patch whose logits are averaged: 1, or 8 for all quarter turns and mirror images.
     */
    views: z.union([z.literal(1), z.literal(8)]).default(1),
    patchSize: count.max(maximumPatchSize).refine((size) => size % 2 === 1, 'must be odd'),
    bands: count.max(65_535),
    /** Names the PCA in the blob. */
    pcaDigest: digest,
    /** Centre of each band in nanometres; absent if the scene does not have them. */
    wavelengths: z.array(z.number()).max(65_535).optional(),
    /** Full width at half maximum of each band in nanometres. */
    fullWidths: z.array(z.number()).max(65_535).optional(),
    /** False for bands that the PCA leaves out; absent where it takes all. */
    goodBands: z.array(z.boolean()).max(65_535).optional(),
    classes: z.array(landCoverClassSchema).min(2).max(maximumClasses),
    training: z
      .object({
        scene: shortText,
        /** Choice of training and test pixels, in words. */
        split: z.string().max(2000),
        trainPixels: count,
        testPixels: z.number().int().nonnegative(),
        epochs: count,
        batchSize: count,
        learningRate: z.number(),
        seed: z.number().int(),
        /** Mean loss of each epoch, of long trainings the means of as many epochs as make the curve short. */
        lossByEpoch: z.array(z.number()).max(maximumCurvePoints),
      })
      .strict(),
    metrics: metricsSchema.optional(),
    /** Calibration that the head holds; absent where its confidence is as trained. */
    calibration: z
      .object({
        /** Divisor of the logits. */
        temperature: z.number().positive().max(1e3),
        /** Pixels that it was fitted on. */
        pixels: count,
        /** Mean negative log-likelihood of these pixels before and after, in nats. */
        lossBefore: z.number().nonnegative(),
        lossAfter: z.number().nonnegative(),
      })
      .strict()
      .optional(),
    /**
     * Diffusion of the features along the walks of a scene before the head; absent if they are not diffused. Such an
     * adapter classifies whole scenes only.
     */
    diffusion: z
      .object({
        /** Distance in pixels that walks get within one spectrum. */
        reach: z.number().positive().max(maximumDiffusionReach),
      })
      .strict()
      .optional(),
  })
  .strict()
  .superRefine(({ formatVersion: version, diffusion }, context) => {
    if ((diffusion !== undefined) === (version === diffusedFormatVersion)) return;
    const message = `must be ${diffusedFormatVersion} with diffusion, ${formatVersion} without`;
    context.addIssue({ code: 'custom', path: ['formatVersion'], message });
  })
  .superRefine(({ bands, wavelengths, fullWidths, goodBands }, context) => {
    for (const [key, list] of Object.entries({ wavelengths, fullWidths, goodBands })) {
      if (list === undefined || list.length === bands) continue;
      const message = `must have one value for each of the ${bands} bands, not ${list.length}`;
      context.addIssue({ code: 'custom', path: [key], message });
    }
  });

export type AdapterMetadata = Readonly<z.infer<typeof adapterMetadataSchema>>;

/**
 * A curve of at most so many points, each the mean of as many neighbours.
 *
 * @param points at least 1
 */
export function thinCurve(values: readonly number[], points: number): number[] {
  if (values.length <= points) return [...values];
  return Array.from({ length: points }, (_, point) => {
    const first = Math.floor((point * values.length) / points);
    const part = values.slice(first, Math.floor(((point + 1) * values.length) / points));
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
}
