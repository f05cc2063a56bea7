"""A page on which visitors drop a picture and see its faces. Needs the extra `web` (Gradio).

The network is run when the picture or its size changes, down to the lowest threshold that the page offers; moving the
threshold only draws again. Visitors are served one after the other. Nothing is sent anywhere but to the visitor.
"""

import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from ssh_tf.model.inference.result import DetectionResult
from ssh_tf.utils.errors import SSHError, one_line
from ssh_tf.utils.lazy import extra_package
from ssh_tf.utils.types import JsonObject

FindFaces = Callable[[Path, str], DetectionResult]
"""A picture's file and the name of a size to all faces of it, from `LOWEST_SHOWN` up."""

Page: TypeAlias = Any
"""A `gradio.Blocks`."""

LOWEST_SHOWN = 0.05

_MOST_CROPS = 100
_MOST_WAITING = 32
_CROP_SIDE = 160
_HOUR = 3600

# A download without a file on the server.
_SAVE = """(faces) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(faces, null, 1)], {type: "application/json"}));
    link.download = "faces.json";
    link.click();
    URL.revokeObjectURL(link.href);
    return [];
}"""


def face_page(
    find: FindFaces, sizes: Sequence[str], size: str, threshold: float, examples: Sequence[Path] = ()
) -> Page:
    """The page, a `gradio.Blocks`: `size` and `threshold` are what it begins with.

    Programs reach it as `/detect`, which the page itself documents.

    Raises:
        SSHError: Gradio is not installed.
    """
    gradio = extra_package("gradio", "web")

    def refused(reason: str, title: str = "Error") -> Exception:
        error: Exception = gradio.Error(reason, print_exception=False, title=title)
        return error

    def known_size(size: object) -> object:
        if size not in sizes:
            raise refused(f"a size is one of {', '.join(sizes)}")
        return size

    def known_threshold(threshold: object) -> object:
        if not isinstance(threshold, int | float) or not LOWEST_SHOWN <= threshold <= 1:
            raise refused(f"a threshold is a number between {LOWEST_SHOWN} and 1")
        return threshold

    def faces_of(file: str | None, size: str) -> DetectionResult | None:
        if not file:
            return None
        try:
            return find(Path(file), size)
        except SSHError as error:
            # The name on the server means nothing to the visitor.
            reason = str(error).removeprefix(one_line(f"{file}: "))
            raise refused(reason, "This picture cannot be used") from error

    def show(found: DetectionResult | None, threshold: float) -> tuple[object, ...]:
        if found is None:
            return None, [], None, ""
        shown = found.above(threshold)
        crops = zip(shown.crops(side=_CROP_SIDE)[:_MOST_CROPS], shown.scores.tolist(), strict=False)
        gallery = [(crop[:, :, ::-1], f"{score:.2f}") for crop, score in crops]
        return shown.draw()[:, :, ::-1], gallery, shown.to_dict(), f"{len(shown)} face{'s' * (len(shown) != 1)}"

    def detect(file: str | None, size: str, threshold: float) -> JsonObject:
        found = faces_of(file, size)
        if found is None:
            raise refused("there is no picture")
        return found.above(threshold).to_dict()

    with gradio.Blocks(title="SSH face detector", analytics_enabled=False, delete_cache=(_HOUR, _HOUR)) as page:
        gradio.Markdown(
            "# SSH face detector\nDrop a picture, or take one. It stays on the machine that runs this page."
        )
        found = gradio.State(None, time_to_live=_HOUR)
        with gradio.Row():
            with gradio.Column():
                picture = gradio.Image(type="filepath", sources=["upload", "webcam", "clipboard"], label="Picture")
                # As it was sent: what is a picture, and which way up, our reader says.
                picture.preprocess = lambda payload: payload.path if payload else None
                threshold_slider = gradio.Slider(
                    LOWEST_SHOWN, 1, threshold, step=0.01, label="Threshold", info="faces of a higher score are shown"
                )
                size_choice = gradio.Radio(
                    list(sizes), value=size, label="Size", info="larger finds smaller faces, and takes longer"
                )
                # Programs send anything; Gradio's own refusals come with tracebacks.
                threshold_slider.preprocess, size_choice.preprocess = known_threshold, known_size
                if examples:
                    gradio.Examples([[str(path)] for path in examples], [picture], cache_examples=False)
            with gradio.Column():
                drawn = gradio.Image(
                    label="Faces", interactive=False, format="jpeg", buttons=["download", "fullscreen"]
                )
                count = gradio.Markdown(elem_id="count")
                crops = gradio.Gallery(label="Crops", columns=5, fit_columns=False, height="auto", format="jpeg")
                with gradio.Accordion("JSON", open=False):
                    numbers = gradio.JSON(show_label=False)
                save = gradio.Button("Download JSON", elem_id="save")
        shown = [drawn, crops, numbers, count]
        private = {"api_visibility": "private", "show_progress": "minimal"}
        for change in (picture.change, size_choice.change):
            change(faces_of, [picture, size_choice], found, **private).success(
                show, [found, threshold_slider], shown, **private
            )
        threshold_slider.change(show, [found, threshold_slider], shown, trigger_mode="always_last", **private)
        save.click(None, numbers, None, js=_SAVE, api_visibility="private")
        gradio.Button(visible=False).click(
            detect, [picture, size_choice, threshold_slider], gradio.JSON(visible=False), api_name="detect"
        )
    return page.queue(max_size=_MOST_WAITING, default_concurrency_limit=1)


def serve(page: Page, host: str, port: int, most_bytes: int, blocking: bool = True) -> None:
    """Offer `page` at `host`:`port` until Ctrl-C; uploads of over `most_bytes` are refused.

    Raises:
        SSHError: the port is taken or not ours to take, or there is no such host.
    """
    try:
        with socket.create_server((host, port)):
            pass
    except (OSError, OverflowError, ValueError) as error:  # a name that is none is a UnicodeError
        reason = getattr(error, "strerror", None) or error
        raise SSHError(f"{host}:{port}: the page cannot be there: {reason}; name another --port") from error
    gradio = extra_package("gradio", "web")
    print(f"http://{host}:{port} (Ctrl-C ends it)", flush=True)
    page.launch(
        quiet=True,
        server_name=host,
        server_port=port,
        max_file_size=most_bytes,
        share=False,
        ssr_mode=False,
        enable_monitoring=False,
        prevent_thread_lock=not blocking,
        # The default theme fetches letters from elsewhere.
        theme=gradio.themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"]),
        footer_links=["api"],
    )
