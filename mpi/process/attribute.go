package process

var attributeFunctions = family{}
