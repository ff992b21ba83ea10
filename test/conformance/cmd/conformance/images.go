package main

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// image is a reference as manifests have it, in the parts that the tool which packs images takes.
type image struct{ repository, name, tag string }

// imageLine is looked for in the text: the manifests have placeholders, with which some are no YAML.
var imageLine = regexp.MustCompile(`(?m)^[ \t]*(?:- )?image:[ \t]*"?([^"\s#]+)"?[ \t]*(?:#.*)?$`)

// images returns the images that the manifests in some folders name, each once and in order.
func images(manifests fs.FS, folders ...string) ([]image, error) {
	var found []image
	for _, folder := range folders {
		err := fs.WalkDir(manifests, folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".yaml") {
				return err
			}
			text, err := fs.ReadFile(manifests, path)
			if err != nil {
				return err
			}
			for _, match := range imageLine.FindAllSubmatch(text, -1) {
				i, err := parseImage(string(match[1]))
				if err != nil {
					return fmt.Errorf("%s: %w", path, err)
				}
				found = append(found, i)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(found, func(a, b image) int {
		return strings.Compare(a.repository+"/"+a.name+":"+a.tag, b.repository+"/"+b.name+":"+b.tag)
	})
	return slices.Compact(found), nil
}

func parseImage(reference string) (image, error) {
	slash, colon := strings.LastIndex(reference, "/"), strings.LastIndex(reference, ":")
	if slash < 0 || colon < slash || strings.Contains(reference, "@") {
		return image{}, fmt.Errorf("image %q is not REPOSITORY/NAME:TAG", reference)
	}
	return image{reference[:slash], reference[slash+1 : colon], reference[colon+1:]}, nil
}
