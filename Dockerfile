# One image for the site, its worker, and every `manage.py` command.
#
#   docker build -t practice-website .
#
# To pin the base by content instead of by tag, ask for its digest once and write it here:
#   docker buildx imagetools inspect python:3.13-slim-trixie
#   ARG PYTHON=python:3.13-slim-trixie@sha256:…
ARG PYTHON=python:3.13-slim-trixie

# --- Libraries and static files: of this stage only /srv/practice is kept --------------------
FROM ${PYTHON} AS build
WORKDIR /srv/practice
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1

COPY requirements.txt ./
RUN ["python", "-m", "venv", ".venv"]
RUN [".venv/bin/pip", "install", "--require-hashes", "--only-binary=:all:", "-r", "requirements.txt"]

COPY manage.py gunicorn.conf.py ./
COPY deploy/healthy.py deploy/healthy.py
COPY practice practice
COPY procedures procedures
COPY consultations consultations
COPY templates templates
COPY static static
COPY sample_content sample_content
# Settings insist on secrets even here. These live for one command and are in no layer.
RUN .venv/bin/python manage.py generate_secrets --host build.invalid 2>/dev/null > /tmp/env \
    && env $(grep -v '^#' /tmp/env) EMAIL_URL=smtp://localhost:25 \
       .venv/bin/python manage.py collectstatic --noinput --verbosity 0 \
    && rm /tmp/env \
    && .venv/bin/python -m compileall -q practice procedures consultations

# --- What runs ------------------------------------------------------------------------------
FROM ${PYTHON}
RUN groupadd --gid 10001 practice \
    && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home \
       --shell /usr/sbin/nologin practice \
    && install --directory --owner 10001 --group 10001 --mode 0700 /data
COPY --from=build /srv/practice /srv/practice
WORKDIR /srv/practice
# The last line: memory that a thread has freed goes back to the system at once (docs/operating.md).
ENV PATH=/srv/practice/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    BIND=0.0.0.0:8000 \
    MEDIA_ROOT=/data/media \
    PRIVATE_MEDIA_ROOT=/data/private_media \
    MALLOC_TRIM_THRESHOLD_=131072

# Everything else may be mounted read-only; /tmp should be memory.
VOLUME /data
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=6s --start-period=20s \
    CMD ["python", "deploy/healthy.py"]
CMD ["gunicorn"]
