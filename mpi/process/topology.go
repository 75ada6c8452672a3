package process

var topologyFunctions = family{}
