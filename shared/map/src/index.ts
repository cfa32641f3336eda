export { addCounts, agreementOf, noCounts, type Agreement, type AgreementCounts } from './adaptive/agreement.js';
export { Refinement, type RefinedMap, type RefinementOptions } from './adaptive/refinement.js';
export {
  checkClasses,
  completeClasses,
  maximumClasses,
  redGreenBlue,
  type GivenClass,
  type LandCoverClass,
} from './classes.js';
export { colorDistance, toLab } from './distinct-colors.js';
export { accuracyByDistance, distanceHistogram, shareWithin, type DistanceBin } from './evaluate/by-distance.js';
export { calibrationError, reliabilityCurve, type ReliabilityBin } from './evaluate/reliability.js';
export {
  pairedDifference,
  type AccuracyDifference,
  type PairedDifference,
  type PairedFold,
} from './evaluate/paired-difference.js';
export { fitTemperature, meanLoss, type LabelledLogits } from './evaluate/temperature.js';
export { mcnemar, type McNemar } from './evaluate/mcnemar.js';
export { evaluate, metricsOf, type Circumstances, type ClassMetrics, type Metrics } from './evaluate/metrics.js';
export { spread, summarizeMetrics, type MetricsSummary, type Spread } from './evaluate/summary.js';
export { MosaicMap } from './mosaic.js';
export { drawConfidence, drawLabelMaps, type PixelMap } from './picture/map-picture.js';
export { smoothMap, type ConfidentMap } from './smooth/smooth-map.js';
export { smoothInThread } from './smooth/smooth-in-thread.js';
export { classifyLogits, type PixelClasses } from './smooth/classify-logits.js';
export { diffuse, walkEnds, type WalkEnds } from './smooth/diffuse.js';
export { classifyDiffusedInThread, diffuseInThread, walkEndsInThread } from './smooth/diffuse-in-thread.js';
export { SpectralEdges } from './smooth/spectral-edges.js';
export { drawQuicklook, stretch } from './picture/quicklook.js';
export { mapPlace, type MapPlace } from './place.js';
export { polygonsGeoJson } from './polygons/geojson.js';
export { mapPolygons, type PolygonOptions } from './polygons/map-polygons.js';
export { traceRegions } from './polygons/trace-regions.js';
export { modelItem } from './stac/model-item.js';
export { mapItem } from './stac/map-item.js';
