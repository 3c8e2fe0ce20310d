"""Where people are, and how large: two terms."""

from __future__ import annotations

from typing import NamedTuple

import torch

from kinetrace.networks.person import DISTANCE_PX, STRIDE_PX

# Zhou et al. (2019), as Law and Deng (ECCV 2018): of hits and misses, and around a centre.
_FOCUS, _FORGIVENESS = 2.0, 4.0
_LARGEST_OUTPUT = 6.0


class Losses(NamedTuple):
    """The two terms and their weighted sum."""

    total: torch.Tensor
    centre: torch.Tensor
    box: torch.Tensor


def measure_losses(
    outputs: torch.Tensor,
    *,
    centre: torch.Tensor,
    xyxy: torch.Tensor,
    box_weight: torch.Tensor,
    counts: torch.Tensor,
    box_share: float = 3.0,
) -> Losses:
    """Measure how far outputs are from their targets.

    Parameters
    ----------
    outputs : (B, 5, h, w)
        Of the network.
    centre, xyxy, box_weight, counts : (B, ...)
        As in `Target`.
    box_share
        Weight of the boxes.
    """
    people = (centre == 1).sum().clamp_min(1)
    centre_loss = _focal(outputs[:, 0], centre, counts) / people
    near = box_weight > 0
    if near.any():
        found = _boxes(outputs[:, 1:])
        overlap = generalised_iou(found.permute(0, 2, 3, 1)[near], xyxy.permute(0, 2, 3, 1)[near])
        weight = box_weight[near]
        box_loss = ((1 - overlap) * weight).sum() / weight.sum()
    else:
        box_loss = outputs[:, 1:].sum() * 0
    return Losses(centre_loss + box_share * box_loss, centre_loss, box_loss)


def _focal(logit: torch.Tensor, centre: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    log_yes = torch.nn.functional.logsigmoid(logit)
    log_no = torch.nn.functional.logsigmoid(-logit)
    probability = log_yes.exp()
    hit = centre == 1
    missed = -torch.pow(1 - probability, _FOCUS) * log_yes
    raised = -torch.pow(1 - centre, _FORGIVENESS) * torch.pow(probability, _FOCUS) * log_no
    return (torch.where(hit, missed, raised) * counts).sum()


def _boxes(logs: torch.Tensor) -> torch.Tensor:
    """Return the box that each pixel tells of, (B, 4, h, w), px of the input."""
    reach = logs.clamp(max=_LARGEST_OUTPUT).exp() * DISTANCE_PX
    height, width = logs.shape[2:]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    place = (torch.stack([x, y]) + 0.5) * STRIDE_PX
    return torch.cat([place - reach[:, :2], place + reach[:, 2:]], dim=1)


def generalised_iou(a_xyxy: torch.Tensor, b_xyxy: torch.Tensor) -> torch.Tensor:
    """Return the overlap of pairs of boxes, (N,), below 0 where they are apart.

    Rezatofighi et al., "Generalized intersection over union", CVPR 2019.
    """
    inner = _area(
        torch.maximum(a_xyxy[:, :2], b_xyxy[:, :2]), torch.minimum(a_xyxy[:, 2:], b_xyxy[:, 2:])
    )
    outer = _area(
        torch.minimum(a_xyxy[:, :2], b_xyxy[:, :2]), torch.maximum(a_xyxy[:, 2:], b_xyxy[:, 2:])
    ).clamp_min(1e-6)
    union = _area(a_xyxy[:, :2], a_xyxy[:, 2:]) + _area(b_xyxy[:, :2], b_xyxy[:, 2:]) - inner
    return inner / union.clamp_min(1e-6) - (outer - union) / outer


def _area(low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
    return (high - low).clamp_min(0).prod(dim=1)
