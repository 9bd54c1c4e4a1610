# For those who type make: everything is done by build.sh.
.PHONY: lib test clean

lib:
	./build.sh native

test:
	./build.sh test

clean:
	./build.sh clean
