# The one image of all steps: `docker build -t aftermerge:0.1.0 .`, then `docker run aftermerge:0.1.0 --help`.
ARG PYTHON_TAG=3.13.16-slim-trixie

FROM python:${PYTHON_TAG} AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
COPY requirements/build.txt requirements/runtime.txt requirements/
# What builds the wheel stays here. The runtime comes by hash and as wheels only: no code of others runs now.
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes --only-binary :all: -r requirements/build.txt \
    && python -m venv --without-pip /opt/aftermerge \
    && pip --python /opt/aftermerge install --require-hashes --only-binary :all: -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY pipeline pipeline
COPY schemas schemas
COPY sql sql
COPY examples examples
RUN /opt/build/bin/hatchling build -t wheel -d /dist \
    && pip --python /opt/aftermerge install --no-deps --no-index /dist/*.whl

FROM python:${PYTHON_TAG}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="aftermerge" \
      org.opencontainers.image.description="Says which change most likely caused which incident." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Numbers, so that an orchestrator can see that this is not root; pip has nothing to do any more.
RUN groupadd --gid 10001 aftermerge \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/aftermerge --shell /usr/sbin/nologin aftermerge \
    && install -d -o 10001 -g 10001 -m 0700 /var/lib/aftermerge \
    && python -m pip uninstall --yes --quiet --root-user-action ignore pip
COPY --from=build /opt/aftermerge /opt/aftermerge
COPY --chmod=0555 compose/healthy.py /opt/aftermerge/healthy.py
ENV PATH=/opt/aftermerge/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    AFTERMERGE_DATA=/var/lib/aftermerge
USER 10001:10001
WORKDIR /var/lib/aftermerge
VOLUME /var/lib/aftermerge
EXPOSE 8081 8090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=6 \
    CMD ["python", "/opt/aftermerge/healthy.py"]
ENTRYPOINT ["aftermerge"]
CMD ["--help"]
