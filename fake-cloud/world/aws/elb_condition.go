package aws

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

const (
	hostHeader   = "host-header"
	pathPattern  = "path-pattern"
	httpHeader   = "http-header"
	httpMethod   = "http-request-method"
	queryString  = "query-string"
	sourceIP     = "source-ip"
	maxCondition = 128 // characters of a value
)

// readConditions checks the conditions of a rule and returns them as the API shows them: values in the order in which they came. The
// lock is held.
func (r *Region) readConditions(lb *LoadBalancer, given []types.RuleCondition) ([]types.RuleCondition, error) {
	conditions := slices.Clone(given)
	seen := map[string]bool{}
	values, wildcards := 0, 0
	for i := range conditions {
		c := &conditions[i]
		field := aws.ToString(c.Field)
		if seen[field] && field != httpHeader && field != queryString {
			return nil, invalidf("A rule can only have one '%s' condition", field)
		}
		seen[field] = true
		if lb.Type == types.LoadBalancerTypeEnumNetwork && field != sourceIP {
			return nil, invalidf("Condition field '%s' is not supported for load balancers with type 'network'", clip(field))
		}
		if err := onlyItsConfig(c); err != nil {
			return nil, err
		}
		texts, err := readCondition(lb, c)
		if err != nil {
			return nil, err
		}
		values += len(texts)
		if field != httpMethod && field != sourceIP {
			for _, t := range texts {
				wildcards += countWildcards(t)
			}
		}
	}
	if n := r.quota("condition-values-per-alb-rule"); values > n {
		return nil, invalidf("A rule can only have '%d' condition values", n)
	}
	if n := r.quota("condition-wildcards-per-alb-rule"); wildcards > n {
		return nil, invalidf("A rule can only have '%d' condition wildcards", n)
	}
	return conditions, nil
}

// countWildcards returns how many * and ? there are that are not escaped.
func countWildcards(s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '*', '?':
			n++
		}
	}
	return n
}

// onlyItsConfig refuses the configuration of another field than the condition's.
func onlyItsConfig(c *types.RuleCondition) error {
	field := aws.ToString(c.Field)
	configs := []struct {
		field string
		given bool
	}{
		{hostHeader, c.HostHeaderConfig != nil}, {pathPattern, c.PathPatternConfig != nil}, {httpHeader, c.HttpHeaderConfig != nil},
		{httpMethod, c.HttpRequestMethodConfig != nil}, {queryString, c.QueryStringConfig != nil}, {sourceIP, c.SourceIpConfig != nil},
	}
	known := false
	for _, config := range configs {
		known = known || config.field == field
		if config.given && config.field != field {
			return invalidf("The configuration of '%s' cannot be specified for a condition with field '%s'", config.field, clip(field))
		}
	}
	if !known {
		return invalidf("Condition field '%s' must be one of '[path-pattern, host-header, http-header, http-request-method, query-string, source-ip]'", clip(field))
	}
	if (len(c.Values) > 0 || len(c.RegexValues) > 0) && field != hostHeader && field != pathPattern {
		return invalidf("Values of a condition with field '%s' must be specified in its configuration", field)
	}
	return nil
}

// readCondition checks one condition, completes it, and returns what it compares with.
func readCondition(lb *LoadBalancer, c *types.RuleCondition) ([]string, error) {
	switch aws.ToString(c.Field) {
	case hostHeader:
		config := types.HostHeaderConditionConfig{}
		if c.HostHeaderConfig != nil {
			config = *c.HostHeaderConfig
		}
		if err := shorthand(c, "HostHeaderConfig", c.HostHeaderConfig != nil, &config.Values, &config.RegexValues); err != nil {
			return nil, err
		}
		c.HostHeaderConfig = &config
		return checkTexts(hostHeader, config.Values, config.RegexValues, hostPattern)
	case pathPattern:
		config := types.PathPatternConditionConfig{}
		if c.PathPatternConfig != nil {
			config = *c.PathPatternConfig
		}
		if err := shorthand(c, "PathPatternConfig", c.PathPatternConfig != nil, &config.Values, &config.RegexValues); err != nil {
			return nil, err
		}
		c.PathPatternConfig = &config
		return checkTexts(pathPattern, config.Values, config.RegexValues, pathPatternOK)
	case httpHeader:
		return readHeader(c)
	case httpMethod:
		if c.HttpRequestMethodConfig == nil {
			return nil, noValues(httpMethod)
		}
		return checkTexts(httpMethod, c.HttpRequestMethodConfig.Values, nil, method)
	case queryString:
		return readQuery(c)
	default:
		return readSource(lb, c)
	}
}

func noValues(field string) error {
	return invalidf("A condition with field '%s' must have values", field)
}

// shorthand completes a condition and its configuration from each other: AWS shows values in both, and takes them in one.
func shorthand(c *types.RuleCondition, config string, given bool, values, patterns *[]string) error {
	if len(c.Values) > 0 || len(c.RegexValues) > 0 {
		if given {
			return invalidf("You cannot provide both Values and '%s' for a condition of type '%s'", config, aws.ToString(c.Field))
		}
		*values, *patterns = c.Values, c.RegexValues
		return nil
	}
	c.Values, c.RegexValues = *values, *patterns
	return nil
}

// checkTexts refuses values that are not ok and regular expressions that are none.
func checkTexts(field string, values, patterns []string, ok func(string) bool) ([]string, error) {
	if len(values)+len(patterns) == 0 {
		return nil, noValues(field)
	}
	if len(values) > 0 && len(patterns) > 0 {
		return nil, invalidf("Values and regular expressions cannot be specified for the same condition with field '%s'", field)
	}
	for _, v := range values {
		if v == "" || len(v) > maxCondition || !ok(v) {
			return nil, invalidf("The value '%s' of a condition with field '%s' is not valid: 1 to %d valid characters", clip(v), field, maxCondition)
		}
	}
	for _, p := range patterns {
		if err := checkRegex(p, maxCondition); err != nil {
			return nil, err
		}
	}
	if len(patterns) > 0 {
		return make([]string, len(patterns)), nil // they count as values, and their * and ? are no wildcards
	}
	return values, nil
}

var unicodeClass = regexp.MustCompile(`(^|[^\\])(\\\\)*\\[pP]`)

func checkRegex(pattern string, most int) error {
	if pattern == "" || len(pattern) > most {
		return invalidf("The regular expression '%s' must have 1 to %d characters", clip(pattern), most)
	}
	// AWS's expressions are RE2's, without its classes of Unicode.
	if _, err := regexp.Compile(pattern); err != nil || unicodeClass.MatchString(pattern) {
		return invalidf("The regular expression '%s' is not valid", clip(pattern))
	}
	return nil
}

// hostPattern reports whether v can be a value of a host-header condition.
func hostPattern(v string) bool {
	i := strings.LastIndexByte(v, '.')
	if i < 0 || strings.ContainsFunc(v[i+1:], func(c rune) bool { return !letter(c) && !strings.ContainsRune("*?-", c) && !digit(c) }) {
		return false
	}
	return !strings.ContainsFunc(v, func(c rune) bool { return !letter(c) && !digit(c) && !strings.ContainsRune("-.*?_", c) })
}

func letter(c rune) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func digit(c rune) bool  { return c >= '0' && c <= '9' }

// pathPatternOK reports whether v can be a value of a path-pattern condition.
func pathPatternOK(v string) bool {
	return !strings.ContainsFunc(v, func(c rune) bool {
		return !letter(c) && !digit(c) && !strings.ContainsRune(`_-.$/~"'@:+&*?%!()=,;\`, c)
	})
}

func method(v string) bool {
	return len(v) <= 40 && !strings.ContainsFunc(v, func(c rune) bool { return (c < 'A' || c > 'Z') && c != '-' && c != '_' })
}

func readHeader(c *types.RuleCondition) ([]string, error) {
	if c.HttpHeaderConfig == nil {
		return nil, noValues(httpHeader)
	}
	name := aws.ToString(c.HttpHeaderConfig.HttpHeaderName)
	if !headerName(name) {
		return nil, invalidf("The header name '%s' is not valid: 1 to 40 characters as RFC 7230 allows", clip(name))
	}
	if strings.EqualFold(name, "host") {
		return nil, invalidf("You cannot use an HTTP header condition to specify the host header")
	}
	return checkTexts(httpHeader, c.HttpHeaderConfig.Values, c.HttpHeaderConfig.RegexValues, printable)
}

func printable(v string) bool {
	return !strings.ContainsFunc(v, func(c rune) bool { return c < ' ' || c > '~' })
}

func readQuery(c *types.RuleCondition) ([]string, error) {
	if c.QueryStringConfig == nil || len(c.QueryStringConfig.Values) == 0 {
		return nil, noValues(queryString)
	}
	var texts []string
	for _, pair := range c.QueryStringConfig.Values {
		key, value := aws.ToString(pair.Key), aws.ToString(pair.Value)
		if value == "" || len(key) > maxCondition || len(value) > maxCondition || !printable(key+value) {
			return nil, invalidf("The value '%s' of a condition with field 'query-string' is not valid: 1 to %d valid characters", clip(value), maxCondition)
		}
		texts = append(texts, key+value)
	}
	return texts, nil
}

func readSource(lb *LoadBalancer, c *types.RuleCondition) ([]string, error) {
	config := c.SourceIpConfig
	switch {
	case config == nil:
		return nil, noValues(sourceIP)
	case lb.Type == types.LoadBalancerTypeEnumNetwork:
		if len(config.Values) > 0 || !slices.Contains(config.IpAddressType.Values(), config.IpAddressType) {
			return nil, invalidf("A condition with field 'source-ip' must have IP address type 'ipv4' or 'ipv6' for load balancers with type 'network'")
		}
		return []string{string(config.IpAddressType)}, nil
	case config.IpAddressType != "":
		return nil, invalidf("An IP address type cannot be specified for load balancers with type 'application'")
	case len(config.Values) == 0:
		return nil, noValues(sourceIP)
	}
	for _, v := range config.Values {
		if _, err := netip.ParsePrefix(v); err != nil {
			return nil, invalidf("The value '%s' of a condition with field 'source-ip' is not a valid CIDR block", clip(v))
		}
	}
	return config.Values, nil
}

// checkTransforms refuses transforms that are not as they have to be: one of each type, each with one rewrite.
func checkTransforms(lb *LoadBalancer, transforms []types.RuleTransform) error {
	if lb.Type == types.LoadBalancerTypeEnumNetwork {
		return invalidf("Transforms are not supported for load balancers with type 'network'")
	}
	seen := map[types.TransformTypeEnum]bool{}
	for _, t := range transforms {
		var rewrites []types.RewriteConfig
		switch {
		case !slices.Contains(t.Type.Values(), t.Type):
			return invalidf("'%s' is not a valid transform type", clip(string(t.Type)))
		case seen[t.Type]:
			return invalidf("A rule can only have one '%s' transform", t.Type)
		case t.Type == types.TransformTypeEnumHostHeaderRewrite && t.HostHeaderRewriteConfig != nil && t.UrlRewriteConfig == nil:
			rewrites = t.HostHeaderRewriteConfig.Rewrites
		case t.Type == types.TransformTypeEnumUrlRewrite && t.UrlRewriteConfig != nil && t.HostHeaderRewriteConfig == nil:
			rewrites = t.UrlRewriteConfig.Rewrites
		default:
			return invalidf("A transform of type '%s' must have its configuration, and no other", t.Type)
		}
		seen[t.Type] = true
		if len(rewrites) != 1 {
			return invalidf("A transform of type '%s' must have exactly one rewrite", t.Type)
		}
		if err := checkRegex(aws.ToString(rewrites[0].Regex), 1024); err != nil {
			return err
		}
		if replace := aws.ToString(rewrites[0].Replace); rewrites[0].Replace == nil || len(replace) > 1024 || !printable(replace) {
			return invalidf("The replacement '%s' must have at most 1024 printable characters", clip(replace))
		}
	}
	return nil
}
