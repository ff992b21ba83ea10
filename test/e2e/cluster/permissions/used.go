package permissions

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
)

// Request is one request of a service account, as the audit log tells it.
type Request struct {
	Action
	Account   string // the user name
	Namespace string // that it was for, empty for the whole cluster
	Name      string
	Code      int
	Forbidden bool   // by RBAC
	Reason    string // why it was allowed, in the API server's words
	Role      Role   // that allowed it, where it was bound to this account
}

// Refused tells a request that was allowed by RBAC and refused all the same, as one to create something in a namespace that is going.
func (r Request) Refused() bool { return !r.Forbidden && r.Code == http.StatusForbidden }

func (r Request) String() string {
	where := r.Namespace
	if r.Name != "" {
		where += "/" + r.Name
	}
	return fmt.Sprintf("%s %s %s: %d", r.Account, r.Action, where, r.Code)
}

type event struct {
	Stage      string `json:"stage"`
	RequestURI string `json:"requestURI"`
	Verb       string `json:"verb"`
	User       struct {
		Username string `json:"username"`
	} `json:"user"`
	Object *struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
		Group       string `json:"apiGroup"`
	} `json:"objectRef"`
	Response struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
	Annotations map[string]string `json:"annotations"`
}

// The API server says: RBAC: allowed by RoleBinding "name/namespace" of Role "..." to ServiceAccount "...".
var allowedBy = regexp.MustCompile(`^RBAC: allowed by (?:ClusterRoleBinding|RoleBinding) "[^"/]+(?:/([^"]+))?" of (ClusterRole|Role) "([^"]+)" to ServiceAccount `)

// Used reads an audit log at level Metadata, in JSON, and calls yield for each request of service accounts of a namespace. A watch
// counts once it begins, everything else once it is over. A last line that is not whole yet is left out: the API server is at it.
func Used(log io.Reader, namespace string, yield func(Request)) error {
	prefix := "system:serviceaccount:" + namespace + ":"
	mark := []byte(`"` + prefix)
	reader := bufio.NewReaderSize(log, 1<<16)
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !bytes.Contains(line, mark) {
			continue // most lines are others', and decoding them takes long
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("a line of the audit log: %w", err)
		}
		if strings.HasPrefix(e.User.Username, prefix) && (e.Stage == "ResponseComplete" || e.Stage == "ResponseStarted") {
			yield(e.request())
		}
	}
}

func (e event) request() Request {
	path, _, _ := strings.Cut(e.RequestURI, "?")
	r := Request{Action: Action{Resource: path, Verb: e.Verb}, Account: e.User.Username, Code: e.Response.Code}
	if o := e.Object; o != nil && o.Resource != "" {
		r.Action = Action{o.Group, o.Resource, e.Verb}
		if o.Subresource != "" {
			r.Resource += "/" + o.Subresource
		}
		r.Namespace, r.Name = o.Namespace, o.Name
	}
	r.Forbidden = e.Annotations["authorization.k8s.io/decision"] == "forbid"
	r.Reason = e.Annotations["authorization.k8s.io/reason"]
	if m := allowedBy.FindStringSubmatch(r.Reason); m != nil {
		r.Role = Role{Kind: m[2], Name: m[3]}
		if r.Role.Kind == namespacedRole {
			r.Role.Namespace = m[1]
		}
	}
	return r
}
