"""A status can be told without its colour."""

from itertools import combinations

import numpy as np
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter

from edgeyard.desktop.look.shape import StatusShape
from edgeyard.desktop.look.theme import Theme
from edgeyard.domain.device import DeviceStatus


def silhouette(status: DeviceStatus, size: int) -> np.ndarray:
    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(0)
    painter = QPainter(image)
    StatusShape.paint(painter, QRectF(0, 0, size, size), status)
    painter.end()
    return np.array(image.constBits(), np.uint8).reshape(size, size, 4)[..., 3] > 100


def test_no_two_statuses_have_the_same_silhouette(theme: Theme) -> None:
    for size in (12, 16, 20):
        for first, second in combinations(DeviceStatus, 2):
            differing = np.count_nonzero(silhouette(first, size) != silhouette(second, size))
            assert differing >= size * size * 0.04, (first, second, size)


def test_a_healthy_device_is_the_smallest_mark_of_the_filled_ones(theme: Theme) -> None:
    healthy = silhouette(DeviceStatus.HEALTHY, 16).sum()
    assert all(healthy < silhouette(status, 16).sum() for status in (DeviceStatus.ALARM, DeviceStatus.ATTENTION))
