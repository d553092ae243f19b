# Wye's images: one static executable each, run by nobody in particular.
#   docker build --target controller --tag wye-controller .
#   docker build --target proxy --tag wye-proxy .
#   docker build --target namerd --tag wye-namerd .
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS=linux TARGETARCH VERSION=dev
RUN GOFLAGS=-trimpath GOOS=$TARGETOS GOARCH=$TARGETARCH make build VERSION=$VERSION

FROM scratch AS controller
COPY --from=build /src/bin/wye-controller /
USER 65532:65532
ENTRYPOINT ["/wye-controller"]

FROM scratch AS proxy
COPY --from=build /src/bin/wye-proxy /
# The system's roots, for TLS to backends.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
USER 65532:65532
ENTRYPOINT ["/wye-proxy"]

FROM scratch AS namerd
COPY --from=build /src/bin/wye-namerd /
USER 65532:65532
ENTRYPOINT ["/wye-namerd"]
