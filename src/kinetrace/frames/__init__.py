"""All pixel input and output: `Frame`, `open_frames`, and the modules that read and write.

Importing this loads NumPy only; PyAV, OpenCV and Pillow come with the first source.
"""

from kinetrace.frames.frame import Frame
from kinetrace.frames.sources import Frames, Source, open_frames

__all__ = ["Frame", "Frames", "Source", "open_frames"]
