"""The classifier, as scikit-learn's users use one."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import Toy, make_toy

import hyperswap
from hyperswap import HyperswapClassifier, errors

base = pytest.importorskip("sklearn.base")
exceptions = pytest.importorskip("sklearn.exceptions")


@pytest.fixture(scope="module")
def model(hs: hyperswap.Client, toy: Toy) -> HyperswapClassifier:
    codes = np.array([0, 7, 300, 42])[toy.labels]
    return HyperswapClassifier("linear-probe", patch_size=9, epochs=4, client=hs).fit(toy.pixels, codes)


def test_it_learns_the_classes_of_its_labels(model: HyperswapClassifier, toy: Toy) -> None:
    codes = np.array([0, 7, 300, 42])[toy.labels]
    assert list(model.classes_) == [7, 42, 300]
    predicted = model.predict(toy.pixels)
    assert predicted.shape == toy.labels.shape and predicted.dtype == codes.dtype
    assert model.score(toy.pixels, codes) > 0.9
    assert model.score(toy.pixels, codes) == pytest.approx((predicted == codes)[codes > 0].mean())


def test_probabilities_are_in_the_order_of_its_classes(model: HyperswapClassifier, toy: Toy) -> None:
    found = model.predict_proba(toy.pixels)
    assert found.shape == (*toy.labels.shape, 3)
    sure = found.max(axis=2) > 0.6
    assert np.array_equal(model.classes_[found.argmax(axis=2)][sure], model.predict(toy.pixels)[sure])


def test_it_keeps_no_scene_and_classifies_others(hs: hyperswap.Client, model: HyperswapClassifier, toy: Toy) -> None:
    assert not [scene for scene in hs.scenes.list() if scene.name.startswith("classifier-")]
    assert model.predict(make_toy(1, 30, 42).pixels).shape == (30, 42)


def test_a_clone_has_its_parameters_and_is_not_fitted(model: HyperswapClassifier, toy: Toy) -> None:
    clone = base.clone(model)
    assert clone.get_params() == model.get_params() and clone.client is model.client
    with pytest.raises(exceptions.NotFittedError):
        clone.predict(toy.pixels)
    assert clone.set_params(epochs=9).epochs == 9
    assert base.is_classifier(clone)


def test_tables_of_pixels_and_foreign_bands_are_refused(model: HyperswapClassifier, toy: Toy) -> None:
    with pytest.raises(errors.SceneShapeError, match="rows, columns, bands"):
        model.fit(toy.pixels.reshape(-1, 16), toy.labels.ravel())
    with pytest.raises(errors.SceneShapeError, match="15 bands"):
        model.predict(toy.pixels[:, :, :15])
    with pytest.raises(errors.FieldInvalidError, match="no pixel is labelled"):
        base.clone(model).fit(toy.pixels, np.zeros(toy.labels.shape, int))
