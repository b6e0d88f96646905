# The image is one static binary: `make image` builds it. There is no shell, and
# no CA certificates, because jvmem only connects to the JVM's socket.

# Any image with this version of Go or newer, a shell and touch.
ARG BUILDER=golang:1.26.8-alpine

# The compiler runs on the builder's own platform, whatever it compiles for. Only
# BuildKit names the platforms; without it they are the builder's.
FROM --platform=${BUILDPLATFORM:-linux/amd64} ${BUILDER} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=dev
ARG SOURCE_DATE_EPOCH=0
# The flags are those of `make build`, so the bytes are the same. The layer holds
# the file's time, too.
RUN CGO_ENABLED=0 GOOS=${TARGETOS:-linux} GOARCH=${TARGETARCH} \
    go build -trimpath -buildvcs=false -tags nethttpomithttp2 -ldflags "-s -w -X main.version=${VERSION}" -o /jvmem ./cmd/jvmem && \
    touch -d "@${SOURCE_DATE_EPOCH}" /jvmem

FROM scratch
ARG VERSION=dev
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="jvmem" \
      org.opencontainers.image.description="Names where every byte of a JVM container goes" \
      org.opencontainers.image.source="https://github.com/jvmem/jvmem" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
COPY --from=build /jvmem /jvmem
# In a pod, set runAsUser and runAsGroup to the JVM's: only its own user may
# inspect a process.
USER 65532:65532
EXPOSE 9753
ENTRYPOINT ["/jvmem"]
