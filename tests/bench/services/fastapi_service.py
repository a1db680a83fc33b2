"""FastAPI on uvicorn: fastapi_service.py ENGINE LAYERS.json PORT

A process for each core. POST /LAYER takes {"input": nested lists} or an NPY file, and
answers alike, or with a picture where Accept says so.
"""

import asyncio
import gc
import io
import os
import socket
import sys

PNG, NPY, JSON = "image/png", "application/x-npy", "application/json"


def picture(array):
    import matplotlib.image

    file = io.BytesIO()
    matplotlib.image.imsave(file, array, format="png")
    return file.getvalue()


def application(engine, path):
    """The quickest that we know in Python: no validation, orjson on both ways, computed where it arrived."""
    import fastapi
    import numpy as np
    import orjson

    import engines

    rows = engines.layers(path)
    functions = engines.ENGINES[engine](rows)
    app = fastapi.FastAPI()

    @app.post("/{layer}")
    async def upsample(layer: str, request: fastapi.Request):
        body = await request.body()
        form = request.headers["content-type"]
        x = np.load(io.BytesIO(body)) if form == NPY else np.array(orjson.loads(body)["input"], np.float32)
        y = functions[layer](x.reshape(1, *rows[layer]["input_shape"]))[0]
        y = y[..., 0] if y.shape[-1] == 1 else y
        if request.headers.get("accept") == PNG:
            return fastapi.Response(picture(y), media_type=PNG)
        if form == NPY:
            file = io.BytesIO()
            np.save(file, y)
            return fastapi.Response(file.getvalue(), media_type=NPY)
        return fastapi.Response(orjson.dumps({"output": np.ascontiguousarray(y)}, option=orjson.OPT_SERIALIZE_NUMPY),
                                media_type=JSON)
    return app


def main():
    engine, path, port = sys.argv[1:]
    for _ in range(len(os.sched_getaffinity(0)) - 1):
        if os.fork() == 0:
            break
    import uvicorn  # after the fork, as all that starts threads

    config = uvicorn.Config(application(engine, path), log_level="error", access_log=False)
    gc.collect()
    gc.freeze()  # else the collector walks through the engine every few requests, for 40 ms
    # A socket for each process: from a shared one, the first to wake takes all the connections.
    listener = socket.create_server(("127.0.0.1", int(port)), backlog=1024, reuse_port=True)
    # Else an answer's second packet waits 40 ms for the acknowledgement of the first.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


main()
