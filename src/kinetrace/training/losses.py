"""Where the keypoint is, and how sure the network should be of it: two terms.

The first is the cross-entropy of the heatmap, made a distribution over its pixels, against a
Gaussian: it has a gradient towards the right place wherever the peak is now. The second is the
squared error of the heatmap itself, without which the height of a peak would mean nothing; the
product's score is that height.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

# exp(12) is 200 times the 768 pixels of a heatmap for 128 x 96 px: a peak of height 1 over
# nothing is a distribution with next to all of its mass there.
_SHARPNESS = 12.0


class Losses(NamedTuple):
    """The two terms, each a mean over the keypoints that count, and their weighted sum."""

    total: torch.Tensor
    place: torch.Tensor
    height: torch.Tensor


def encode(xy: torch.Tensor, size_wh: tuple[int, int], sigma_px: float) -> torch.Tensor:
    """Return a Gaussian of height 1 at each point, (B, K, H, W), not rounded to pixels.

    Parameters
    ----------
    xy : (B, K, 2)
        Pixels of the heatmap.
    size_wh
        Of the heatmap.
    sigma_px
        Standard deviation in its pixels.
    """
    across = _bell(xy[..., 0], size_wh[0], sigma_px)
    down = _bell(xy[..., 1], size_wh[1], sigma_px)
    return down[..., :, None] * across[..., None, :]


def _bell(centre: torch.Tensor, length: int, sigma_px: float) -> torch.Tensor:
    at = torch.arange(length, dtype=centre.dtype, device=centre.device)
    return torch.exp(-torch.square(at - centre[..., None]) / (2 * sigma_px**2))


def measure_losses(
    heatmaps: torch.Tensor,
    *,
    xy: torch.Tensor,
    weight: torch.Tensor,
    height: torch.Tensor,
    height_weight: torch.Tensor,
    sigma_px: float,
    height_share: float = 1.0,
) -> Losses:
    """Measure how far heatmaps are from what they should be; what has no weight has no gradient.

    Parameters
    ----------
    heatmaps : (B, K, H, W)
        What the network gives.
    xy, weight, height, height_weight
        As in `Batch`.
    sigma_px
        Of the Gaussians, in pixels of the heatmap.
    height_share
        Weight of the second term.
    """
    size_wh = (heatmaps.shape[3], heatmaps.shape[2])
    bells = encode(xy, size_wh, sigma_px)
    flat = bells.flatten(2)
    target = flat / flat.sum(dim=2, keepdim=True).clamp_min(1e-6)
    logits = torch.log_softmax(_SHARPNESS * heatmaps.flatten(2), dim=2)
    # Less the entropy of the target, so that 0 is the best.
    entropy = torch.special.entr(target).sum(dim=2)
    place = -(target * logits).sum(dim=2) - entropy
    wanted = bells * height[..., None, None]
    # Over the energy of a Gaussian: a blank heatmap is off by 1.
    energy = torch.pi * sigma_px**2
    off = torch.square(heatmaps - wanted).sum(dim=(2, 3)) / energy
    place_mean = (place * weight).sum() / weight.sum().clamp_min(1)
    height_mean = (off * height_weight).sum() / height_weight.sum().clamp_min(1)
    return Losses(place_mean + height_share * height_mean, place_mean, height_mean)
