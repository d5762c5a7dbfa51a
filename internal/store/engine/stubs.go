package engine

import "errors"

var errLater = errors.New("not there yet")
