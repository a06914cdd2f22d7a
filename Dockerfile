# One image for all of Baton: `baton worker scorer`, `baton topics apply`, ... No secrets, no compiler, nothing to write.
FROM python:3.11.14-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/baton
WORKDIR /build
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN /opt/baton/bin/pip install --no-deps --require-hashes -r requirements/runtime.txt \
 && python -m pip install --no-deps --require-hashes -r requirements/build.txt
COPY pyproject.toml LICENSE README.md ./
COPY schemas/ schemas/
COPY services/ services/
RUN python -m pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
 && /opt/baton/bin/pip install --no-deps dist/*.whl

FROM python:3.11.14-slim-bookworm
COPY --from=build /opt/baton /opt/baton
COPY config/ /etc/baton/config/
ENV PATH=/opt/baton/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    BATON_DATA_DIR=/tmp/baton \
    BATON_HTTP_HOST=0.0.0.0 \
    BATON_HTTP_PORT=9400 \
    BATON_LOG_FORMAT=json
USER 10001:10001
WORKDIR /tmp
EXPOSE 9400
ENTRYPOINT ["baton"]
CMD ["--help"]
