"""Classifier in the style of scikit-learn."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyperswap._client import Client, connect
from hyperswap.errors import FieldInvalidError, LabelsShapeError, SceneShapeError

if TYPE_CHECKING:
    from hyperswap._aio_training import PatchSize, Setting

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.exceptions import NotFittedError
except ImportError:
    import inspect

    class BaseEstimator:  # type: ignore[no-redef]
        """The part of scikit-learn's base class that needs no scikit-learn."""

        def get_params(self, deep: bool = True) -> dict[str, Any]:
            """Return the parameters by name."""
            names = list(inspect.signature(type(self).__init__).parameters)[1:]
            return {name: getattr(self, name) for name in names}

        def set_params(self, **params: Any) -> Any:
            """Set parameters, and return this estimator."""
            for name, value in params.items():
                setattr(self, name, value)
            return self

    class ClassifierMixin:  # type: ignore[no-redef]
        """Stands for scikit-learn's."""

    class NotFittedError(ValueError, AttributeError):  # type: ignore[no-redef]
        """The estimator is used before it is fitted."""


_shared: list[Client] = []
_lock = threading.Lock()


def _shared_client() -> Client:
    """Return the client of all classifiers that are given none."""
    with _lock:
        if not _shared:
            _shared.append(connect())
        return _shared[0]


class HyperswapClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classifier of the pixels of whole scenes.

    ``X`` is a scene, (rows, columns, bands), and ``y`` its label map, (rows, columns), in which 0
    means unlabelled. It is not a table of pixels: the model classifies a pixel by the patch around
    it, so that neighbours belong to the data. For the same reason, folds that draw pixels at random
    put neighbours of test pixels into the training; use ``hs.train(split="blocks")`` for accuracies
    on disjoint parts of a scene.

    ``fit`` trains on every labelled pixel, registers an adapter, and does not keep the scene.

    Parameters
    ----------
    method
        Method, as :meth:`hyperswap.Client.methods` lists them.
    patch_size
        Side of a patch in pixels, odd; 0 for 15; ``"auto"`` to choose it.
    epochs
        Epochs; None for the default of the method.
    learning_rate
        Learning rate; None for the default of the method.
    random_state
        Seed of all random choices, a whole number.
    settings
        Other settings of the method by name.
    adapter
        Name of the adapter; made from the data by default.
    client
        Client; None connects as :func:`hyperswap.connect` does, once for all classifiers.

    Attributes
    ----------
    classes_ : numpy.ndarray
        Classes of ``y`` without 0, in ascending order.
    n_features_in_ : int
        Bands.
    adapter_ : Adapter
        Version that was trained.
    loss_ : numpy.ndarray
        Mean loss of each epoch, float32.

    Examples
    --------
    >>> from hyperswap import HyperswapClassifier
    >>> import numpy as np
    >>> X = np.random.default_rng(0).integers(100, 900, (20, 20, 16)).astype("uint16")
    >>> X[10:] += 800
    >>> y = np.zeros((20, 20), int)
    >>> y[2:8, 2:8], y[12:18, 12:18] = 10, 20
    >>> model = HyperswapClassifier("linear-probe", patch_size=9, epochs=2, client=hs).fit(X, y)
    >>> model.classes_, model.predict(X).shape
    (array([10, 20]), (20, 20))
    """

    def __init__(
        self,
        method: str = "krona+",
        *,
        patch_size: PatchSize = 0,
        epochs: int | None = None,
        learning_rate: float | None = None,
        random_state: int = 1,
        settings: dict[str, Setting] | None = None,
        adapter: str | None = None,
        client: Client | None = None,
    ) -> None:
        self.method = method
        self.patch_size = patch_size
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.settings = settings
        self.adapter = adapter
        self.client = client

    def fit(self, X: ArrayLike, y: ArrayLike) -> HyperswapClassifier:
        """Train an adapter on all labelled pixels.

        Parameters
        ----------
        X
            Scene (rows, columns, bands).
        y
            Whole numbers (rows, columns): the class of each pixel, 0 for an unlabelled one.

        Returns
        -------
        HyperswapClassifier
            This classifier.
        """
        pixels = self._scene(X)
        labels = _labels(y, pixels.shape)
        classes = np.unique(labels[labels != 0])
        numbers = (np.searchsorted(classes, labels) + 1) * (labels != 0)
        digest = hashlib.sha256(repr((pixels.shape, pixels.dtype, self.get_params())).encode())
        digest.update(np.ascontiguousarray(pixels).tobytes())
        digest.update(np.ascontiguousarray(labels).tobytes())
        name = f"classifier-{digest.hexdigest()[:16]}"
        given = {"epochs": self.epochs, "learning_rate": self.learning_rate}
        settings: dict[str, Any] = {
            **(self.settings or {}),
            **{key: value for key, value in given.items() if value is not None},
        }
        client = self._client()
        names = [str(one) for one in classes]
        scene = client.prepare(X, labels=numbers, name=name, class_names=names, replace=True, progress=False)
        try:
            training = client.train(
                scene,
                method=self.method,
                adapter=self.adapter or name,
                split="all",
                patch_size=self.patch_size,
                seed=self.random_state,
                progress=False,
                **settings,
            )
        finally:
            scene.delete()
        self.classes_ = classes
        self.n_features_in_ = pixels.shape[2]
        self.adapter_ = training.adapter
        self.loss_ = training.loss
        return self

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the class of each pixel.

        Parameters
        ----------
        X
            Scene (rows, columns, bands).

        Returns
        -------
        numpy.ndarray
            Classes (rows, columns), of the type of ``classes_``; 0 for a pixel without data.
        """
        adapter = self._fitted()
        found = self._client().classify(self._scene(X), adapter, output="numpy", progress=False)
        table = np.concatenate([np.zeros(1, self.classes_.dtype), self.classes_])
        classes: NDArray[Any] = table[found.labels]
        return classes

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float32]:
        """Return the probability of each class at each pixel.

        Parameters
        ----------
        X
            Scene (rows, columns, bands).

        Returns
        -------
        numpy.ndarray
            float32 (rows, columns, classes), in steps of 1/255; 0 for a pixel without data.
        """
        adapter = self._fitted()
        found = self._client().classify_proba(self._scene(X), adapter, output="numpy", progress=False)
        assert found.probabilities is not None
        return found.probabilities

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the share of the labelled pixels that are right.

        Parameters
        ----------
        X
            Scene (rows, columns, bands).
        y
            Whole numbers (rows, columns); pixels of 0 are not counted.
        sample_weight
            Weight of each pixel (rows, columns).

        Returns
        -------
        float
            Overall accuracy from 0 to 1.
        """
        labels = _labels(y, np.shape(X))
        counted = labels != 0
        right = self.predict(X) == labels
        weight = None if sample_weight is None else np.asarray(sample_weight)[counted]
        return float(np.average(right[counted], weights=weight))

    def _client(self) -> Client:
        return self.client if self.client is not None else _shared_client()

    def _fitted(self) -> Any:
        if not hasattr(self, "adapter_"):
            raise NotFittedError("This HyperswapClassifier is not fitted yet: call fit first.")
        return self.adapter_

    def _scene(self, X: ArrayLike) -> NDArray[Any]:
        pixels = np.asarray(X)
        if pixels.ndim != 3:
            reason = f"it has {pixels.ndim} dimensions; give a scene of rows, columns, bands"
            raise SceneShapeError.of(file="X", reason=reason)
        if hasattr(self, "n_features_in_") and pixels.shape[2] != self.n_features_in_:
            reason = f"it has {pixels.shape[2]} bands; the classifier was fitted on {self.n_features_in_}"
            raise SceneShapeError.of(file="X", reason=reason)
        return pixels

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn is told of this estimator: its input has three dimensions."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.two_d_array = False
        return tags


def _labels(y: ArrayLike, shape: tuple[int, ...]) -> NDArray[Any]:
    labels = np.asarray(y)
    if labels.shape != shape[:2]:
        found, wanted = (" × ".join(map(str, one)) for one in (labels.shape, shape[:2]))
        raise LabelsShapeError.of(labels="y", found=found, wanted=wanted)
    if labels.dtype.kind not in "bui":
        raise FieldInvalidError.of(field="y", reason=f"its values are {labels.dtype}; give whole numbers")
    if not labels.any():
        raise FieldInvalidError.of(field="y", reason="no pixel is labelled: all are 0")
    return labels
