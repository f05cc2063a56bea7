"""A web service: pictures in, boxes out. pip install fastapi uvicorn python-multipart, then

    uvicorn --app-dir examples fastapi_service:app
    curl -F file=@data/demo/montage.jpg 'http://127.0.0.1:8000/faces?threshold=0.5'

SSH_MODEL names another model.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Lock
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request, UploadFile

from ssh_tf import FaceDetector
from ssh_tf.utils.errors import ImageError
from ssh_tf.utils.images import decode_image

MOST_BYTES, MOST_PIXELS = 20_000_000, 50_000_000


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """One detector for all requests."""
    with FaceDetector(os.environ.get("SSH_MODEL", "mobile_ssh"), size="balanced") as detector:
        app.state.detector, app.state.lock = detector, Lock()
        yield


app = FastAPI(title="Faces", lifespan=lifespan)


# Not async: FastAPI runs it in a thread, so that other requests are still answered.
@app.post("/faces")
def faces(
    request: Request, file: UploadFile, threshold: Annotated[float, Query(ge=0.05, le=1)] = 0.5
) -> dict[str, Any]:
    """The faces of a picture, best first."""
    data = file.file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise HTTPException(413, f"over {MOST_BYTES} bytes")
    try:
        image = decode_image(data, "file", MOST_PIXELS)
        # One picture at a time has the processor's cores to itself.
        with request.app.state.lock:
            return request.app.state.detector.detect(image, threshold).to_dict()
    except ImageError as error:
        raise HTTPException(422, str(error)) from error
