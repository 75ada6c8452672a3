package process

var pointToPointFunctions = family{}
