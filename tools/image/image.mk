# Container images without Docker, on an empty base: cloudgate-dev/{cloudgate,fakecloud,echo}:$(TAG) in tars that `docker load`,
# `ctr images import` and `kind load image-archive` take. A tar is written only when its image is another one.

IMAGES        := ./cmd/cloudgate ./cmd/fakecloud ./test/echo/cmd/echo
IMAGE_TOOL    := $(BIN)/image
IMAGE_ARCHS   := amd64 arm64
TAG           ?= dev
# Empty, and the programs tell the version that Go gives them.
VERSION       ?=
IMAGE_LDFLAGS := -s -w $(if $(VERSION),-X main.version=$(VERSION))
GO_ARCH       := $(shell $(GO) env GOARCH)

.PHONY: images
images: $(CACHE)/images/$(GO_ARCH) ## Pack the container images into .cache/images, for this machine's architecture, without Docker
	$(call image-pack,$(GO_ARCH),$(CACHE)/images)

.PHONY: images-all
images-all: $(IMAGE_ARCHS:%=$(CACHE)/images/%) ## Pack the container images for amd64 and arm64 into .cache/images/linux-ARCH
	$(foreach arch,$(IMAGE_ARCHS),$(call image-pack,$(arch),$(CACHE)/images/linux-$(arch))$(newline))

.PHONY: test-images
test-images: images-all ## Look into the images: who they run as, for which machine, and that nothing else is in them
	cd tools/image && IMAGES='$(abspath $(CACHE))/images' $(GO) test -count=1 ./...

# The programs of the images. Go knows best what is up to date.
.PHONY: $(IMAGE_ARCHS:%=$(CACHE)/images/%)
$(IMAGE_ARCHS:%=$(CACHE)/images/%): $(IMAGE_TOOL)
	@mkdir -p $@
	CGO_ENABLED=0 GOOS=linux GOARCH=$(@F) $(GO) build -buildvcs=false -trimpath -ldflags '$(IMAGE_LDFLAGS)' -o $@/ $(IMAGES)

image-pack = $(IMAGE_TOOL) -tag $(TAG) -o $(2) $(addprefix $(CACHE)/images/$(1)/,$(notdir $(IMAGES)))

define newline


endef

$(IMAGE_TOOL): $(wildcard tools/image/*.go) tools/image/go.mod
	cd tools/image && CGO_ENABLED=0 $(GO) build -buildvcs=false -trimpath -o '$(abspath $@)' .
