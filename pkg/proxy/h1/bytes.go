package h1

// tokenByte, valueByte, targetByte and hostByte say which bytes may be in a token (a method, a field's name), in a field's value, in a
// request's target and in a hostname.
var tokenByte, valueByte, targetByte, hostByte = func() (token, value, target, host [256]bool) {
	for c := 0; c < 256; c++ {
		b := byte(c)
		letterOrDigit := isLetter(b) || isDigit(b)
		token[c] = letterOrDigit || containsByte("!#$%&'*+-.^_`|~", b)
		value[c] = b == '\t' || b >= ' ' && b != 0x7f
		// Not a fragment, and not a backslash, which some servers read as a slash.
		target[c] = b > ' ' && b < 0x7f && b != '#' && b != '\\'
		host[c] = letterOrDigit || b == '-' || b == '.' || b == '_'
	}
	return token, value, target, host
}()

func containsByte(s string, b byte) bool {
	for i := 0; i < len(s); i++ {
		if s[i] == b {
			return true
		}
	}
	return false
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

func unhex(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

func unreserved(c byte) bool {
	return isLetter(c) || isDigit(c) || c == '-' || c == '.' || c == '_' || c == '~'
}

// ValidField reports whether a field may be sent: its name is a token and its value has no control characters.
func ValidField(name, value string) bool {
	if name == "" {
		return false
	}
	for i := 0; i < len(name); i++ {
		if !tokenByte[name[i]] {
			return false
		}
	}
	for i := 0; i < len(value); i++ {
		if !valueByte[value[i]] {
			return false
		}
	}
	return true
}
