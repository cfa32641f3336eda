import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkClasses, colorDistance, completeClasses, redGreenBlue, toLab } from '@hyperswap/map';
import { hasCode } from '../support/errors.js';

const refuse = (classes: { name: string; color?: number; code?: number }[], message: RegExp): void => {
  assert.throws(() => checkClasses(classes), hasCode('CLASSES_INVALID', message));
};

test('names that are empty, over-long, invisible or given twice are refused, and so are colours over 24 bits', () => {
  const corn = { name: 'Corn' };
  refuse([corn, { name: '' }], /class 2 has no name/);
  refuse([corn, { name: ' \t' }], /class 2 has no name/);
  refuse([{ name: 'x'.repeat(101) }], /class 1 has 101 characters; up to 100/);
  refuse([{ name: 'a\nb' }], /class 1 .*control characters/);
  refuse([{ name: 'a\u202eb' }], /marks that cannot be seen/);
  refuse([{ name: '\ud800' }], /marks that cannot be seen/);
  refuse([corn, { name: 'Woods' }, corn], /classes 1 and 3 are both called Corn/);
  refuse([{ ...corn, color: 0x1000000 }], /colour of class 1 is 16777216/);
  refuse([{ ...corn, color: -1 }], /colour of class 1/);
  refuse([{ ...corn, color: 1.5 }], /colour of class 1/);
  refuse(
    Array.from({ length: 256 }, (_, index) => ({ name: String(index) })),
    /there are 256; at most 255 are allowed/,
  );
  refuse([{ name: 'class 2' }, { name: 'class 2' }], /both called class 2/);
  refuse(completeClasses([{ name: 'class 2' }], 2), /both called class 2/);
  assert.doesNotThrow(() =>
    checkClasses([
      { name: 'Wälder, naß', color: 0 },
      { name: '森林', color: 0xffffff },
    ]),
  );
});

test('every class has a name and a colour of its own, those that are given stay', () => {
  const all = completeClasses([{ name: 'Corn', color: 0xff7f0e }, { name: 'Woods' }], 255);
  assert.equal(all.length, 255);
  assert.deepEqual(all[0], { name: 'Corn', color: 0xff7f0e });
  assert.deepEqual([all[1]!.name, all[2]!.name], ['Woods', 'class 3']);
  assert.equal(new Set(all.map(({ color }) => color)).size, 255);
  assert.ok(all.every(({ color }) => redGreenBlue(color).every((channel) => channel >= 0 && channel <= 255)));
  assert.doesNotThrow(() => checkClasses(all));
  assert.deepEqual(completeClasses(all, 300 - 45), all);
});

test('chosen colours of 64 classes are clearly apart, also from colours that the user chose', () => {
  for (const given of [
    [],
    [
      { name: 'Corn', color: 0x2ca02c },
      { name: 'Soil', color: 0x8b4513 },
    ],
  ]) {
    const labs = completeClasses(given, 64).map(({ color }) => toLab(color));
    const distances = labs.flatMap((one, index) => labs.slice(index + 1).map((other) => colorDistance(one, other)));
    assert.ok(Math.min(...distances) > 20, `ΔE ${Math.min(...distances)}`);
  }
});

test('CIE L*a*b* of sRGB colours is that of the published conversion', () => {
  // skimage.color.rgb2lab, D65 and the observer of 2 degrees.
  for (const [color, lab] of [
    [0xff0000, [53.24, 80.09, 67.2]],
    [0x00ff00, [87.74, -86.18, 83.18]],
    [0x0000ff, [32.3, 79.19, -107.86]],
    [0x808080, [53.59, 0, 0]],
  ] as const) {
    toLab(color).forEach((value, axis) => assert.ok(Math.abs(value - lab[axis]!) < 0.05, `${color}: ${value}`));
  }
});

test('codes are whole numbers, each of one class', () => {
  refuse([{ name: 'a', code: 1.5 }], /code of class 1 is 1.5/);
  refuse(
    [
      { name: 'a', code: 7 },
      { name: 'b', code: 7 },
    ],
    /classes 1 and 2 both have the code 7/,
  );
  assert.deepEqual(completeClasses([{ name: 'a', color: 1, code: 523 }], 1), [{ name: 'a', color: 1, code: 523 }]);
});
