// Command demo is what `make demo` runs: it starts two backends and `cloudgate dev` on a copy of examples/quickstart, sends real
// requests to the address that the Gateway's status gives, prints each with its answer, and fails when one is not what it should be.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/cloudgate-dev/cloudgate/test/demo/visit"
)

func main() {
	cloudgate := flag.String("cloudgate", "bin/cloudgate", "the cloudgate program")
	examples := flag.String("examples", "examples", "the folder with the examples")
	class := flag.String("class", "fake", "the GatewayClass: fake, or aws")
	flag.Parse()
	// SIGPIPE too: whoever reads only the beginning (`make demo | head`) must not leave a cloudgate dev behind.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	if err := run(ctx, *cloudgate, filepath.Join(*examples, "quickstart"), *class); err != nil {
		fmt.Fprintf(os.Stderr, "\ndemo: %v\n", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, cloudgate, quickstart, class string) (err error) {
	cloud, known := clouds[class]
	if !known {
		return fmt.Errorf("there is no class %q: choose fake or aws", class)
	}
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()

	stage, err := newStage(quickstart, cloud)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stage.close()) }()
	fmt.Println("Two backends answer on this machine, as pods would:")
	for _, backend := range stage.backends {
		fmt.Printf("  %-12s %s\n", backend.name, backend.http.Addr())
	}

	if cloud.note != "" {
		fmt.Printf("\n%s\n", cloud.note)
	}
	fmt.Printf("\n$ cloudgate dev -f %s\n", quickstart)
	dev, err := startDev(ctx, cloudgate, stage.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dev.stop()) }()
	web, err := dev.waitProgrammed(ctx, "web")
	if err != nil {
		return err
	}
	fmt.Printf("  Gateway web is Programmed: the %s made a load balancer at %s\n", cloud.name, web.Addresses[0])
	for _, l := range web.Listeners {
		note := ""
		if !l.onItsPort() {
			note = fmt.Sprintf("  (this user may not listen on %d)", l.Port)
		}
		fmt.Printf("  %-6s port %-4d answers at %s%s\n", l.Name, l.Port, l.Endpoint, note)
	}

	visitor := visit.New(web.entrances(), &tls.Config{RootCAs: stage.certificate.Pool(), MinVersion: tls.VersionTLS12})
	defer visitor.Close()
	if cloud.checksFirst {
		fmt.Println("  Its first health checks take a moment, as they do in AWS.")
		for _, first := range visit.FirstAnswers() {
			if err := visitor.Await(ctx, first); err != nil {
				return err
			}
		}
	}
	visitor.NoHeaders = !cloud.headers
	if err := visitor.Quickstart(ctx, stage.turnWeights); err != nil {
		return err
	}
	fmt.Printf(`
All as it should be, in %.1f s. To go on:
  go run ./test/echo/cmd/echo -f examples/quickstart   # backends, in one terminal
  bin/cloudgate dev -f examples/quickstart             # a whole Cloudgate, in another: edit the files and watch the tree
  curl -H 'Host: beta.example.com' http://ADDRESS/     # the address that the tree shows
Other stories are in examples/, and docs/dev.md says what else cloudgate dev can do.
`, time.Since(start).Seconds())
	if class != "fake" {
		fmt.Printf("The examples name the class fake: for this one, write gatewayClassName: %s in gateway.yaml.\n", class)
	}
	return nil
}
