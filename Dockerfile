# docker build -t kinetrace .
# docker run --rm --user "$(id -u)" -v "$PWD:/films" -v kinetrace-models:/models kinetrace estimate walk.mp4
FROM python:3.12-slim AS build
COPY . /source
RUN pip wheel --no-deps --wheel-dir /wheels /source

FROM python:3.12-slim
COPY --from=build /wheels /wheels
# By its path: a name could be anybody's on a package index.
RUN pip install --no-cache-dir "$(ls /wheels/kinetrace-*.whl)[all]" \
    # Whoever runs it writes into these two folders, and nothing else.
    && mkdir -m 1777 /films /models
ENV KINETRACE_CACHE=/models
WORKDIR /films
USER nobody
ENTRYPOINT ["kinetrace"]
CMD ["--help"]
