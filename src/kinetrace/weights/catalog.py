"""The models that Kinetrace knows: where each file comes from, its sha256, licence and accuracy.

Every entry is data. `kinetrace.weights` fetches and checks what is written here.
"""

from __future__ import annotations

import difflib
from typing import Literal

from kinetrace.errors import WeightsError
from kinetrace.weights._model import Accuracy, Archive, Model, ModelFile, Url

__all__ = ["MODELS", "Accuracy", "Archive", "Model", "ModelFile", "Url", "find", "identify"]


def find(name: str) -> Model:
    """Look a model up by name.

    Raises
    ------
    WeightsError
        If there is none of that name.
    """
    for model in MODELS:
        if model.name == name:
            return model
    names = [model.name for model in MODELS]
    likely = difflib.get_close_matches(name, names, n=3) or names
    raise WeightsError(
        f"there is no model and no file {name!r}. Give a path, or one of: {', '.join(likely)}"
    )


def identify(sha256: str) -> Model | None:
    """Return the model whose weights a file with this sha256 (64 digits) holds, if it is known."""
    for model in MODELS:
        if any(file.matches(sha256) for file in (model.file, *model.same_weights)):
            return model
    return None


_POSE_DETECTOR = ModelFile(
    name="pose_detection.tflite",
    sha256="9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    size_bytes=2_959_046,
)
# The same 153 weight buffers as `_POSE_DETECTOR`, saved by another converter.
_POSE_DETECTOR_NPM = ModelFile(
    name="pose_solution_packed_assets.data",
    sha256="a63c614bef30d35947f13be361820b1e4e3bec9cfeebf4d11216a18373108e85",
    size_bytes=2_962_288,
)
_POSE_LANDMARKS = {
    "lite": ModelFile(
        name="pose_landmark_lite.tflite",
        sha256="f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61",
        size_bytes=2_819_824,
    ),
    "full": ModelFile(
        name="pose_landmark_full.tflite",
        sha256="e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        size_bytes=6_440_512,
    ),
    "heavy": ModelFile(
        name="pose_landmark_heavy.tflite",
        sha256="59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
        size_bytes=27_709_200,
    ),
}
_RTMDET_NANO = ModelFile(
    name="rtmdet_nano_person.onnx",
    sha256="b8585adb6d1352796f6e86337e09c3459b830645a7e7192d9381670bea2facbd",
    size_bytes=4_012_393,
)
_MEDIAPIPE_WHEEL = Archive(
    kind="pypi",
    locator="mediapipe==0.10.21",  # the last release whose wheel carries them
    members=(
        ("mediapipe/modules/pose_detection/pose_detection.tflite", _POSE_DETECTOR),
        ("mediapipe/modules/pose_landmark/pose_landmark_full.tflite", _POSE_LANDMARKS["full"]),
    ),
    size_bytes=35_622_638,
)


def _mediapipe(size: str, sha256: str, size_bytes: int, yoga_pck_percent: float) -> Model:
    folder = "https://storage.googleapis.com/mediapipe-models/pose_landmarker"
    name = f"pose_landmarker_{size}"
    npm = Archive(
        kind="npm",
        locator="@mediapipe/pose@0.5.1675469404",
        members=(
            ("package/pose_solution_packed_assets.data", _POSE_DETECTOR_NPM),
            (f"package/pose_landmark_{size}.tflite", _POSE_LANDMARKS[size]),
        ),
        size_bytes=40_985_403,
    )
    return Model(
        name=f"mediapipe-{size}",
        task="pose",
        backend="mediapipe",
        license="Apache-2.0",
        file=ModelFile(name=f"{name}.task", sha256=sha256, size_bytes=size_bytes),
        sources=(
            Url(f"{folder}/{name}/float16/1/{name}.task"),
            *((_MEDIAPIPE_WHEEL,) if size == "full" else ()),
            npm,
        ),
        input_size_wh=(256, 256),
        keypoints="blazepose33",
        accuracy=(
            Accuracy(
                metric="PCK@0.2",
                percent=yoga_pck_percent,
                data="its publisher's yoga set, one person 2 to 4 m away, 17 keypoints",
                boxes="none",
                source="MediaPipe Pose documentation",
            ),
        ),
    )


def _coco_ap(percent: float, boxes: Literal["detected", "ground truth"], source: str) -> Accuracy:
    return Accuracy(metric="AP", percent=percent, data="COCO val2017", boxes=boxes, source=source)


def _mmpose_hrnet(width: int, size_hw: str, stem: str, ap_percent: float) -> Model:
    folder = "https://download.openmmlab.com/mmpose/v1/body_2d_keypoint/topdown_heatmap/coco"
    height, wide = (int(n) for n in size_hw.split("x"))
    udp = "_udp-" in stem
    return Model(
        name=f"hrnet-w{width}-{size_hw}{'-udp' if udp else ''}",
        task="pose",
        backend="hrnet",
        license="Apache-2.0",
        file=ModelFile(name=f"{stem}.pth", sha256=stem.rsplit("-", 1)[1].split("_")[0]),
        sources=(Url(f"{folder}/{stem}.pth"),),
        input_size_wh=(wide, height),
        keypoints="coco17",
        decode="udp" if udp else "default",
        accuracy=(_coco_ap(ap_percent, "detected", "MMPose model zoo"),),
    )


def _authors_hrnet(
    width: int, size_hw: str, sha256: str, size_bytes: int, ap_percent: float
) -> Model:
    name = f"pose_hrnet_w{width}_{size_hw}.pth"
    height, wide = (int(n) for n in size_hw.split("x"))
    return Model(
        name=f"hrnet-w{width}-{size_hw}-authors",
        task="pose",
        backend="hrnet",
        license="MIT",
        file=ModelFile(name=name, sha256=sha256, size_bytes=size_bytes),
        # The authors' own links are to drives that need a browser; this is a mirror.
        sources=(Url(f"https://huggingface.co/Prophetetc/cocopose/resolve/main/{name}"),),
        input_size_wh=(wide, height),
        keypoints="coco17",
        decode="default",
        accuracy=(_coco_ap(ap_percent, "detected", "Sun et al., CVPR 2019, table 1"),),
    )


_TINYPOSE = "tinypose-256x192/0.1.0/tinypose-256x192-fp32.onnx"

MODELS = (
    _mediapipe(
        "lite", "59929e1d1ee95287735ddd833b19cf4ac46d29bc7afddbbf6753c459690d574a", 5_777_746, 90.2
    ),
    _mediapipe(
        "full", "4eaa5eb7a98365221087693fcc286334cf0858e2eb6e15b506aa4a7ecdcec4ad", 9_398_198, 95.5
    ),
    _mediapipe(
        "heavy",
        "64437af838a65d18e5ba7a0d39b465540069bc8aae8308de3e318aad31fcbc7b",
        30_664_242,
        96.4,
    ),
    Model(
        name="hrnet-nano",
        task="pose",
        backend="hrnet",
        license="Apache-2.0",
        file=ModelFile(
            name="hrnet-nano.npz",
            sha256="7503cd11dcb45edfc33e8419ed3f7c2513553414f47176a5f9b5680a224e0d39",
            size_bytes=5_263_872,
        ),
        input_size_wh=(160, 224),
        keypoints="coco17",
        decode="dark",
        accuracy=(
            Accuracy(
                metric="PCK@0.2",
                percent=80.5,
                data="97 people of LSP who were held out",
                boxes="ground truth",
                source="docs/hrnet-nano.md",
            ),
        ),
        detector="nano",
        larger="hrnet-w32-256x192",
        is_packaged=True,
    ),
    _mmpose_hrnet(32, "256x192", "td-hm_hrnet-w32_8xb64-210e_coco-256x192-81c58e40_20220909", 74.9),
    _mmpose_hrnet(32, "384x288", "td-hm_hrnet-w32_8xb64-210e_coco-384x288-ca5956af_20220909", 76.1),
    _mmpose_hrnet(48, "256x192", "td-hm_hrnet-w48_8xb32-210e_coco-256x192-0e67c616_20220913", 75.6),
    _mmpose_hrnet(48, "384x288", "td-hm_hrnet-w48_8xb32-210e_coco-384x288-c161b7de_20220915", 76.7),
    _mmpose_hrnet(
        32, "256x192", "td-hm_hrnet-w32_udp-8xb64-210e_coco-256x192-73ede547_20220914", 76.2
    ),
    _mmpose_hrnet(
        32, "384x288", "td-hm_hrnet-w32_udp-8xb64-210e_coco-384x288-9a3f7c85_20220914", 76.8
    ),
    _mmpose_hrnet(
        48, "256x192", "td-hm_hrnet-w48_udp-8xb32-210e_coco-256x192-3feaef8f_20220913", 76.8
    ),
    _mmpose_hrnet(
        48, "384x288", "td-hm_hrnet-w48_udp-8xb32-210e_coco-384x288-70d7ab01_20220913", 77.3
    ),
    _authors_hrnet(
        32,
        "256x192",
        "19bc083708bb8d873211e50d85d56344c10290c6e8b564c813fdde09645c4c1c",
        114_721_619,
        74.4,
    ),
    _authors_hrnet(
        48,
        "384x288",
        "95e0fec3194826d5e3f806ea89be68bbb84517b114c3a32b3058c56610b5ef61",
        255_061_287,
        76.3,
    ),
    Model(
        name="tinypose-256x192",
        task="pose",
        backend="hrnet",
        license="Apache-2.0",
        file=ModelFile(
            name="tinypose-256x192-fp32.onnx",
            sha256="7614d17acbe957200a8505e11a4fb8445103f9e44a7087115d8a1ea85f88b1b9",
            size_bytes=5_685_847,
        ),
        sources=(
            Url(
                "https://huggingface.co/chenmohan/web-sdk-pp-tinypose/resolve/"
                f"8aa6bd0a3f1aeb401b1c45744f0d88c95fb07158/{_TINYPOSE}"
            ),
            Url(
                "https://www.modelscope.cn/models/chenmohan/web-sdk-pp-tinypose/resolve/"
                f"68e7b987b5daf36080fb16ed90bf67b64d722b20/{_TINYPOSE}"
            ),
        ),
        input_size_wh=(192, 256),
        keypoints="coco17",
        decode="dark",
        accuracy=(_coco_ap(68.3, "ground truth", "PaddleDetection, PP-TinyPose"),),
        same_weights=(
            ModelFile(
                name="tinypose_256x192.onnx",  # half precision
                sha256="101eae383c330113aaaa98f5d5c034c35da26b0f104d9f6de69c50c6a4d5f87e",
                size_bytes=2_715_423,
            ),
        ),
    ),
    Model(
        name="person-nano",
        task="person-detection",
        backend="nano",
        license="Apache-2.0",
        file=ModelFile(
            name="person-nano.npz",
            sha256="6c7c227a9d8bd576af69ec3f9c8a4328c2c19c493247c62b803ee1c2067931ab",
            size_bytes=5_333_874,
        ),
        input_size_wh=(320, 320),
        is_packaged=True,
    ),
    Model(
        name="rtmdet-nano-person",
        task="person-detection",
        backend="rtmdet",
        license="Apache-2.0",
        file=_RTMDET_NANO,
        sources=(
            Archive(
                kind="url",
                locator="https://download.openmmlab.com/mmpose/v1/projects/rtmpose/rtmpose-cpu.zip",
                members=(("rtmpose-ort/rtmdet-nano/end2end.onnx", _RTMDET_NANO),),
            ),
        ),
        input_size_wh=(320, 320),
    ),
)
