package process

var datatypeFunctions = family{}
