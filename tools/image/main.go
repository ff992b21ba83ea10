// Command image packs programs into container images without Docker: each becomes the one file of an image on an empty base, in a tar
// that `docker load`, `ctr images import` and `kind load image-archive` take. Equal programs give equal tars, byte for byte.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	out := flag.String("o", ".", "folder for the images: NAME.tar for a program called NAME")
	repository := flag.String("repository", "cloudgate-dev", "first part of the images' names")
	tag := flag.String("tag", "dev", "tag of the images")
	flag.Parse()
	for _, program := range flag.Args() {
		name := filepath.Base(program)
		err := pack(program, fmt.Sprintf("%s/%s:%s", *repository, name, *tag), filepath.Join(*out, name+".tar"))
		if err != nil {
			fmt.Fprintf(os.Stderr, "image: %s: %v\n", program, err)
			os.Exit(1)
		}
	}
}
