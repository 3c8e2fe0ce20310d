"""A squat trainer: counts while somebody exercises, and says at once what to do better.

Run it: ``python examples/squat_trainer.py``
"""

# %% A stream of frames: here somebody who is made, and whose third squat is only half a one
from kinetrace.live import LiveRepetitions
from kinetrace.testing import exerciser

poses, _ = exerciser("squat", depth=(1.0, 1.0, 0.45, 1.0), noise_px=1.0)
stream = (poses.frames(i, i + 1) for i in range(len(poses.frame_time_s)))

# With a camera, and somebody who is seen from the side:
#     stream = (found for _, found in kinetrace.stream(0, smooth="one-euro"))

# %% Each frame goes in as it comes; what has become known comes out
trainer = LiveRepetitions("squat")
for now in stream:
    state = trainer.update(now)
    for sentence in state.say:
        print(f"{now.frame_time_s[0]:5.1f} s  {sentence}", flush=True)

# %% What came of it
print(f"{state.count} squats, {state.half_count} half ones")
