"""One step of the online tracker: who is seen again, who is new, who is forgotten."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from kinetrace.boxes import iou
from kinetrace.poses import Skeleton
from kinetrace.tracking.appearance import blend, likeness
from kinetrace.tracking.association import assign, similarity
from kinetrace.tracking.bodies import Bodies, Bools, Floats, Ints, lies_on, sigmas_of
from kinetrace.tracking.phantoms import NOBODY
from kinetrace.tracking.recovery import comeback
from kinetrace.tracking.settings import Settings
from kinetrace.tracking.tracks import (
    UNNAMED,
    Tracks,
    joined,
    predicted,
    replaced,
    seen,
    tracks_of,
)

# The least similarity of a track and a person, for confident people and for the others.
_ALIKE, _ALIKE_AT_LOW_SCORE = 0.3, 0.35
# A track without a name gives way to one that has one.
_UNNAMED_SHARE = 0.8
# A track that was not seen in the last frame gives way to one that was: of two people who stand
# in one place and of whom only one is found, it stays the same one.
_UNSEEN_SHARE, _SAME_TIME_S = 0.85, 1e-6
# Clothes that are less alike count against a pair.
_LIKE = 0.85
# The longer nobody has seen a track, the less it claims: half as much after this time.
_CLAIM_HALVES_S = 1.0
# Two people cover each other from this overlap on, and lend each other their colours.
_COVERED = 0.2
# Somebody is confirmed by so many sightings, in this share of the frames.
_SIGHTINGS, _SIGHTINGS_SHARE = 3, 0.5
# Somebody new may wait so long for a name until their clothes are seen, if clothes could tell.
_WAIT_FOR_COLOUR_S = 1.0
# However long the memory, no more tracks than these.
_MOST_TRACKS = 300


class Following:
    """Follow the people of one film.

    Parameters
    ----------
    skeleton
        Of all poses.
    settings
        See `kinetrace.tracking.Tracker`.
    """

    def __init__(self, skeleton: Skeleton, settings: Settings) -> None:
        self.skeleton = skeleton
        self._sigmas = sigmas_of(skeleton)
        self._settings = settings
        self._tracks: Tracks | None = None
        self._next_id = 0
        self._frame_s = -math.inf
        self._interval_s = 0.0

    def step(self, body: Bodies, time_s: float, size_wh: tuple[int, int] | None) -> Ints:
        """Return the (N,) ids of the people of the next frame, -1 for nobody's."""
        # From here on, nothing depends on the order of the rows.
        order = np.lexsort((body.box_xyxy[:, 1], body.box_xyxy[:, 0], -body.confidence))
        body = body[order]
        time_s = max(time_s, self._frame_s)
        tracks = tracks_of(body[:0], time_s) if self._tracks is None else self._tracks
        self._interval_s = time_s - self._frame_s
        track_of = self._seen_again(tracks, body, time_s)
        tracks = self._stranded_by_cut(tracks, body, track_of)
        found = np.flatnonzero(track_of >= 0)
        which = track_of[found]
        learnt = _without_borrowed_colours(body)
        again = seen(tracks[which], predicted(tracks[which], time_s), learnt[found], time_s)
        tracks = replaced(tracks, which, again)
        new = self._newcomers(body, track_of)
        track_of[new] = len(tracks) + np.arange(len(new))
        tracks = joined(tracks, tracks_of(learnt[new], time_s))
        tracks, forgotten = self._named(tracks, body, track_of, time_s, size_wh)
        out = np.empty(len(body), np.int64)
        out[order] = np.append(tracks.track_id, UNNAMED)[track_of]
        self._tracks = tracks[self._remembered(tracks, time_s) & ~forgotten]
        self._frame_s = time_s
        return out

    def _seen_again(self, tracks: Tracks, body: Bodies, time_s: float) -> Ints:
        """Return the track of each of N people, -1 for none: the confident ones choose first."""
        expected = predicted(tracks, time_s)
        alike = similarity(expected, tracks.body.size_px, body, self._sigmas)
        unseen_s = expected.age_s - self._interval_s
        claim = 0.5 ** (np.maximum(unseen_s, 0) / _CLAIM_HALVES_S)
        claim *= np.where(unseen_s > _SAME_TIME_S, _UNSEEN_SHARE, 1)
        claim *= np.where(tracks.track_id == UNNAMED, _UNNAMED_SHARE, 1)
        # Those of the last frame count, however long ago it was.
        recent = expected.age_s <= max(self._settings.lost_s, self._interval_s)
        claim *= recent & ~tracks.stranded
        same = np.nan_to_num(likeness(tracks.body.colour, body.colour), nan=1.0)
        alike = alike * np.minimum(same / _LIKE, 1)
        confident = body.confidence >= self._settings.confident_score
        track_of = np.full(len(body), -1)
        free = np.ones(len(tracks), bool)
        for rows, least in (
            (np.flatnonzero(confident), _ALIKE),
            (np.flatnonzero(~confident), _ALIKE_AT_LOW_SCORE),
        ):
            left = np.flatnonzero(free)
            value = (alike * claim[:, None])[np.ix_(left, rows)]
            track, row = assign(value, least)
            track_of[rows[row]] = left[track]
            free[left[track]] = False
        return track_of

    def _stranded_by_cut(self, tracks: Tracks, body: Bodies, track_of: Ints) -> Tracks:
        """Return the tracks, all stranded if nobody of several is where anybody was: a cut."""
        there = (tracks.seen_s >= self._frame_s) & (tracks.track_id != UNNAMED)
        sure = body.confidence >= self._settings.confident_score
        is_cut = there.sum() >= 2 and sure.sum() >= 2 and not (track_of >= 0).any()
        return dataclasses.replace(tracks, stranded=tracks.stranded | is_cut)

    def _newcomers(self, body: Bodies, track_of: Ints) -> Ints:
        """Return the people who are nobody's, and nobody who was found twice."""
        loose = np.flatnonzero(track_of < 0)
        if not len(loose):  # as in most frames
            return loose
        twice = lies_on(body[loose], body, self._sigmas, self.skeleton.mirror)
        # The rows are in order of falling confidence: the later one is the second finding.
        rivals = (track_of >= 0)[None] | (np.arange(len(body))[None] < loose[:, None])
        return loose[~(twice & rivals).any(axis=1)]

    def _named(
        self,
        tracks: Tracks,
        body: Bodies,
        track_of: Ints,
        time_s: float,
        size_wh: tuple[int, int] | None,
    ) -> tuple[Tracks, Bools]:
        """Give ids to those who are sure by now: that of somebody who was lost, or a new one.

        The second array tells which tracks live on in others.
        """
        forgotten = np.zeros(len(tracks), bool)
        pending = self._sure(tracks, body, track_of, time_s)
        lost = np.flatnonzero((tracks.track_id != UNNAMED) & (tracks.seen_s < time_s))
        track_id, colour = tracks.track_id.copy(), tracks.body.colour.copy()
        if len(pending) and len(lost):
            back = comeback(
                tracks[lost],
                predicted(tracks[lost], time_s),
                tracks.body[pending],
                size_wh,
                max_gap_s=self._settings.max_gap_s,
            )
            one, other = assign(back, np.finfo(float).tiny)
            track_id[pending[other]] = track_id[lost[one]]
            colour[pending[other]] = blend(colour[lost[one]], colour[pending[other]], 0.5)
            forgotten[lost[one]] = True
        nameless = pending[track_id[pending] == UNNAMED]
        track_id[nameless] = self._next_id + np.arange(len(nameless))
        self._next_id += len(nameless)
        whole = dataclasses.replace(tracks.body, colour=colour)
        return dataclasses.replace(tracks, track_id=track_id, body=whole), forgotten

    def _sure(self, tracks: Tracks, body: Bodies, track_of: Ints, time_s: float) -> Ints:
        """Return the tracks without a name of which it is time to have one."""
        now = np.zeros(len(tracks))
        now[track_of[track_of >= 0]] = body.confidence[track_of >= 0]
        known_s = time_s - tracks.first_s
        frames = known_s / self._interval_s if self._interval_s > 0 else np.zeros(len(tracks))
        often = tracks.sightings >= np.maximum(_SIGHTINGS, _SIGHTINGS_SHARE * frames)
        often &= tracks.body.confidence >= NOBODY
        confirmed = often & (known_s >= self._settings.confirm_s) & (now > 0)
        sure = (now >= self._settings.new_score) | confirmed
        named = tracks.track_id != UNNAMED
        # Somebody who walks in is a shoulder first: whether they have been here shows a bit later.
        plain = np.isnan(tracks.body.colour).all(axis=1)
        waits = plain & (known_s < _WAIT_FOR_COLOUR_S) & (named & ~plain & (now == 0)).any()
        return np.flatnonzero(sure & ~named & ~waits)

    def _remembered(self, tracks: Tracks, time_s: float) -> Bools:
        age_s = time_s - tracks.seen_s
        named = tracks.track_id != UNNAMED
        soon_s = max(self._settings.confirm_s, self._interval_s)
        keep = np.where(named, age_s <= self._settings.memory_s, age_s <= soon_s)
        keep |= age_s <= 0
        oldest = np.argsort(age_s, kind="stable")[_MOST_TRACKS:]
        keep[oldest] = False
        return np.asarray(keep)


def _without_borrowed_colours(body: Bodies) -> Bodies:
    """Return the people, without the colours of those who cover each other."""
    overlap: Floats = np.nan_to_num(iou(body.box_xyxy, body.box_xyxy))
    np.fill_diagonal(overlap, 0)
    covered: Bools = np.asarray((overlap > _COVERED).any(axis=1))
    return dataclasses.replace(body, colour=np.where(covered[:, None], np.nan, body.colour))
