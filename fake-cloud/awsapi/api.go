package awsapi

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"time"

	"github.com/google/uuid"

	"github.com/cloudgate-dev/cloudgate/fake-cloud/awsapi/codec"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/awsapi/sigv4"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/fault"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/journal"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/throttle"
	"github.com/cloudgate-dev/cloudgate/fake-cloud/world"
)

// maxBody is how long the body of a request may be.
const maxBody = 4 << 20 // ACM takes chains of 2 MiB, which JSON has as base64

// DefaultRegion is that of a request that does not say which.
const DefaultRegion = "us-east-1"

// Config is what an API is made of. Region, RegionType, Fault, Clock, Now, Journal and Log are required.
type Config struct {
	// Region returns a region of the account: an object of RegionType with a method for each action, from a pointer to the SDK's Input to
	// one to its Output. The name is one of AWS's.
	Region     func(name string) any
	RegionType reflect.Type
	// Fault returns an error of the account in the words of the API, and whether it has such. Others are the fake cloud's own failures.
	Fault func(error) (codec.Fault, bool)
	Clock world.Clock
	// Now is the time that signatures are held against: that of the clients. It is not Clock's, which can be put forward.
	Now     func() time.Time
	Chance  func() float64 // of fault rules; nil lets none have a probability other than one
	Journal *journal.Journal
	// Keys are the secrets of the access keys that are let in, whose signatures are verified. None lets everybody in.
	Keys map[string]string
	// Session returns the secret and the token of a key that the account gave out for a time, and until when it is good. May be nil.
	Session func(accessKey string) (Session, bool)
	// WithCaller tells an action by whose access key it was called. May be nil.
	WithCaller func(ctx context.Context, accessKey string) context.Context
	// Rates are what classes of calls are held to, in each region: see DefaultRates. None holds none back.
	Rates map[string]throttle.Rate
	// Crash ends the process without warning. Nil refuses faults that would need it.
	Crash func()
	// Served is told of each call when it is answered. May be nil.
	Served func(op string, status int, took time.Duration)
	Log    *slog.Logger
}

// Session is a key that is good for a time.
type Session struct {
	Secret, Token string
	Expires       time.Time
}

// API is an http.Handler for all services. Admin returns another for those who test with it.
type API struct {
	cfg     Config
	methods map[*service]map[string]*method
	faults  *fault.Set
	limits  *limits
}

// New returns the API of an account.
func New(cfg Config) *API {
	a := &API{cfg: cfg, methods: methodsOf(cfg.RegionType), limits: newLimits(cfg.Rates)}
	if a.cfg.Chance == nil {
		a.cfg.Chance = func() float64 { return 0 }
	}
	a.faults = fault.NewSet(a.Ops(), faultCodes(), a.cfg.Chance)
	return a
}

// call is one request on its way.
type call struct {
	id      string
	service *service
	method  *method // nil until it is known
	region  string
	parsed  codec.Call
	signed  *sigv4.Signature // nil where it is not signed
	body    []byte
	chunks  *sigv4.Chunks // what the body came in; nil where it came as it is
	r       *http.Request
}

// ServeHTTP implements http.Handler: who asks, for what, how often, what mishap the call meets, what it does, and the journal.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begin := a.cfg.Clock.Now()
	c := &call{id: uuid.NewString(), r: r, region: DefaultRegion, service: services[0]}
	refused := a.identify(c)
	var answer codec.Answer
	var effect string
	drop := false
	if refused != nil {
		answer = c.service.protocol.Refuse(*refused, c.id)
	} else {
		answer, effect, drop = a.withFault(c)
	}
	now := a.cfg.Clock.Now()
	op := c.service.iam + ":unknown"
	if c.method != nil {
		op = c.method.op()
	}
	a.cfg.Journal.Add(journal.Entry{
		Time: now, Op: op, Method: r.Method, Path: "/" + c.region, Status: answer.Status,
		Mutating: c.method != nil && c.method.mutating, Fault: effect,
	})
	if a.cfg.Served != nil {
		a.cfg.Served(op, answer.Status, now.Sub(begin))
	}
	if drop {
		panic(http.ErrAbortHandler) // closes the connection without an answer
	}
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(answer.Body) // the client may have gone
	}
}

// identify finds out what is called and by whom. It returns why the call is refused, or nil.
func (a *API) identify(c *call) *codec.Fault {
	signed, signErr := sigv4.Parse(c.r)
	if signErr == nil || signed != nil && signed.Service != "" {
		c.signed = signed
	}
	if found := c.serviceAsked(); found != nil {
		c.service = found
	}
	if err := c.read(); err != nil {
		return err
	}
	if err := c.route(); err != nil {
		if c.signed != nil && serviceOfScope(c.signed.Service) == nil {
			a.cfg.Log.Warn("a service that is not served", "service", shorten(c.signed.Service), "action", shorten(c.parsed.Action))
		}
		return err
	}
	words := c.service.words
	if c.parsed.Version == c.service.version {
		c.method = a.methods[c.service][c.parsed.Action]
	}
	if err := a.authenticate(c, signErr); err != nil {
		return err
	}
	if !regions[c.region] {
		f := words.badSignature
		f.Message = "Credential should be scoped to a valid region."
		return &f
	}
	if c.method == nil {
		f := words.unknownAction(shorten(c.parsed.Action), shorten(c.parsed.Version))
		a.cfg.Log.Warn("an action that is not served", "service", c.service.iam, "action", shorten(c.parsed.Action))
		return &f
	}
	if !a.limits.take(c.region, c.method, a.cfg.Clock.Now()) {
		f := words.throttled
		return &f
	}
	return nil
}

// serviceAsked returns the service that the signature or the form of the request is for, nil where neither tells.
func (c *call) serviceAsked() *service {
	switch {
	case c.signed != nil:
		return serviceOfScope(c.signed.Service)
	case looksLikeS3(c.r):
		return serviceOfScope("s3")
	}
	return nil
}

// read reads the body.
func (c *call) read() *codec.Fault {
	most := int64(maxBody)
	if c.service.isS3() {
		most = maxObject
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, c.r.Body, most))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		f := c.service.words.tooLarge
		return &f
	case err != nil:
		return &codec.Fault{Code: "RequestTimeout", Message: "The request was not received whole", Status: http.StatusBadRequest}
	}
	c.body = body
	if c.service.isS3() {
		return c.unchunk()
	}
	return nil
}

// route finds the service: by the scope of the signature, or by the version of the API where there is none.
func (c *call) route() *codec.Fault {
	found := c.serviceAsked()
	if c.signed != nil {
		c.region = cmp.Or(c.signed.Region, DefaultRegion)
	}
	if c.r.Method != http.MethodPost && c.r.Method != http.MethodGet && (found == nil || !found.isS3()) {
		return &codec.Fault{Code: "InvalidAction", Message: "The method has to be POST or GET", Status: http.StatusMethodNotAllowed}
	}
	var reader codec.Protocol = codec.Query{}
	switch {
	case found != nil:
		reader = found.protocol
	case c.r.Header.Get("X-Amz-Target") != "":
		reader = codec.JSON{}
	}
	var err error
	if c.parsed, err = reader.Read(c.r, c.body); err != nil {
		if found != nil {
			c.service = found
		}
		return c.asFault(err)
	}
	if found == nil {
		found = serviceOfVersion(c.parsed.Version)
	}
	if found == nil {
		_, isJSON := reader.(codec.JSON)
		if isJSON {
			c.service = serviceOfScope("acm")
		}
		f := c.service.words.unknownAction(shorten(c.parsed.Action), shorten(c.parsed.Version))
		return &f
	}
	c.service = found
	return nil
}

// asFault is for errors of the codec.
func (c *call) asFault(err error) *codec.Fault {
	var f *codec.Fault
	if !errors.As(err, &f) {
		f = &c.service.words.internal
	}
	return f
}

// shorten keeps what a client sent from filling the answer or the log.
func shorten(text string) string {
	if len(text) > 100 {
		return text[:100] + "..."
	}
	return text
}

// perform decodes the input, calls the account and encodes its answer.
func (a *API) perform(c *call) codec.Answer {
	protocol := c.service.protocol
	input := reflect.New(c.method.input)
	if err := c.parsed.Input(input.Interface()); err != nil {
		return protocol.Refuse(*c.asFault(err), c.id)
	}
	if isDryRun(input) {
		return protocol.Refuse(dryRun, c.id)
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), time.Minute)
	defer cancel()
	if a.cfg.WithCaller != nil && c.signed != nil {
		ctx = a.cfg.WithCaller(ctx, c.signed.AccessKey)
	}
	output, err := c.method.call(ctx, a.cfg.Region(c.region), input)
	if err != nil {
		return a.failed(c, err)
	}
	answer, err := protocol.Answer(c.method.action, output, c.id)
	if err != nil {
		return a.failed(c, err)
	}
	return answer
}

// failed turns an error into the answer that the client gets.
func (a *API) failed(c *call, err error) codec.Answer {
	f, ok := a.cfg.Fault(err)
	if !ok {
		a.cfg.Log.Error("internal error", "op", c.method.op(), "request", c.id, "error", err)
		f = c.service.words.internal
	}
	return c.service.protocol.Refuse(f, c.id)
}
